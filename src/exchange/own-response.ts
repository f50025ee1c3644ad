/** A whole response that Limpet generated. */
export interface OwnResponse {
  readonly status: number
  readonly requestId: string
  /** Fields without line ends. */
  readonly lines: readonly string[]
  /** Further field lines, each with its line end; empty for none. */
  readonly fields: string
  readonly body: Buffer
  /** Whether the request was a HEAD, so that the body is not sent. */
  readonly isToHead: boolean
  /** Whether what follows the request cannot be parsed, so that the connection must close. */
  readonly isLast: boolean
}

/**
 * A permanent redirect: with 301, clients may repeat a POST as a GET (RFC 9110 §15.4.2); with 308 they do not. A location without
 * a host stays correct behind another proxy.
 */
export function redirect(status: 301 | 308, location: string, requestId: string, isToHead: boolean): OwnResponse {
  const lines = [`Location: ${location}`]
  return { status, requestId, lines, fields: '', body: Buffer.alloc(0), isToHead, isLast: false }
}

/** Where certificate authorities look for answers to HTTP-01 challenges (RFC 8555 §8.3); a token follows. */
export const CHALLENGE_PATH = '/.well-known/acme-challenge/'

export function challengeAnswer(answer: string, requestId: string, isToHead: boolean): OwnResponse {
  const lines = ['Content-Type: application/octet-stream']
  return { status: 200, requestId, lines, fields: '', body: Buffer.from(answer), isToHead, isLast: false }
}
