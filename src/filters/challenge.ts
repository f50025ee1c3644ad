import { Failure } from '../exchange/failure.ts'

/** Refuses a request that has no valid credentials, and says which ones are asked for (RFC 9110 §11.6.1). */
export function unauthorized(challenge: string, detail: string): Failure {
  return new Failure('unauthorized', detail, { lines: [`WWW-Authenticate: ${challenge}`] })
}

/** Text in quotes (RFC 9110 §5.6.4). */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
