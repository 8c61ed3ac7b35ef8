// Package auth tells who a request speaks for, and notices when that stops being so.
//
// A Verifier turns the credentials of a request into a Pass. Opaque session tokens are looked up in the application's own
// table of sessions (Token over Sessions), JWTs are checked by their signature (JWT). What goes for both:
//
//   - Credentials come from the Authorization header or a cookie, never from the URL. They are not logged, and no error holds
//     one. What a client is told of a refusal is always the same; the reason is in the error, for the log.
//   - A token has to be whole: what can't be read exactly is refused, not repaired.
//   - A session that was revoked opens no stream Fresh after that at the latest, and its open streams are closed: at once
//     where a trigger reports it, else at the next check (SessionsConfig). While the database is away, or hangs, streams go on
//     until their sessions expire, and no new ones are opened.
//   - Lookups of one token at a time are one lookup, and lookups of many tokens share queries: a crowd that comes back at
//     once costs a few queries and not one each.
package auth
