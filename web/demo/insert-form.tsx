import { type SubmitEvent, useId, useState } from 'react';
import { insertActivity } from './demo-api.js';

/** Inserts an activity of one's own. It isn't put into the feed here: it comes back through the database. */
export function InsertForm({ token }: { token: string }) {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const inputId = useId();

  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const description = text.trim();
    if (description === '' || busy) return;
    setBusy(true);
    setError(null);
    insertActivity(token, description)
      .then(
        () => setText(''),
        (reason: unknown) =>
          setError(reason instanceof Error ? reason.message : 'The insert failed.'),
      )
      .finally(() => setBusy(false));
  };

  return (
    <form onSubmit={submit}>
      <div className="row">
        <label htmlFor={inputId}>Insert an activity</label>
        <input
          id={inputId}
          autoComplete="off"
          placeholder="What happened?"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <button
          type="submit"
          className="demo-button demo-primary"
          disabled={busy || text.trim() === ''}
        >
          Insert
        </button>
      </div>
      {error !== null && (
        <p className="problem" role="alert">
          {error}
        </p>
      )}
    </form>
  );
}
