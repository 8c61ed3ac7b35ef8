import type { NotificationType } from './rows.js';

/**
 * Plays a short sound; resolves to whether it could be heard. Browsers allow it only in a page that was clicked or
 * typed in.
 */
export type PlaySound = (type: NotificationType) => Promise<boolean>;

const SOFT = 0.08;
/** Hertz: one tone for what can wait, two rising ones for what can't. */
const TONES: Record<'calm' | 'urgent', readonly number[]> = {
  calm: [660],
  urgent: [784, 1_047],
};
const TONE_SECONDS = 0.18;

/** Makes a {@link PlaySound} that synthesizes its tones: there is no file to load, and no policy to relax. */
export function createChime(): PlaySound {
  let context: AudioContext | null = null;
  return async (type) => {
    if (typeof AudioContext === 'undefined') return false;
    // Before the first gesture a context would only cause a warning in the console.
    if (context === null && navigator.userActivation?.hasBeenActive === false) return false;
    context ??= new AudioContext();
    if (context.state !== 'running') {
      // Where the browser doesn't allow it this stays pending, and a sound that comes late is worse than none.
      await Promise.race([context.resume(), soon()]);
      if ((context.state as AudioContextState) !== 'running') return false;
    }
    TONES[type === 'urgent' ? 'urgent' : 'calm'].forEach((hertz, index) => {
      if (context !== null) playTone(context, hertz, index * TONE_SECONDS);
    });
    return true;
  };
}

function soon(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 500);
  });
}

function playTone(context: AudioContext, hertz: number, delay: number): void {
  const begin = context.currentTime + delay;
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.frequency.value = hertz;
  volume.gain.setValueAtTime(0, begin);
  volume.gain.linearRampToValueAtTime(SOFT, begin + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, begin + TONE_SECONDS * 1.5);
  tone.connect(volume).connect(context.destination);
  tone.start(begin);
  tone.stop(begin + TONE_SECONDS * 1.5);
}
