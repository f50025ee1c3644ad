import type { ReceivedRequest } from './received-request.ts'

/** A whole response that Limpet generated. */
export interface OwnResponse {
  readonly status: number
  readonly requestId: string
  /** Fields without line ends. */
  readonly lines: readonly string[]
  /** Further field lines, each with its line end; empty for none. */
  readonly fields: string
  /** It never changes. */
  readonly body: Buffer
  /** Whether the request was a HEAD, so that the body is not sent. */
  readonly isToHead: boolean
  /** Whether what follows the request cannot be parsed, so that the connection must close. */
  readonly isLast: boolean
  /** Whether it is the operator's own page, which no other takes the place of. */
  readonly isPage?: true
}

export function ownResponse(
  status: number,
  lines: readonly string[],
  body: Buffer,
  { id, method }: ReceivedRequest,
): OwnResponse {
  return { status, requestId: id, lines, fields: '', body, isToHead: method === 'HEAD', isLast: false }
}

/** A page of the operator's own. */
export function ownPage(...parts: Parameters<typeof ownResponse>): OwnResponse {
  return { ...ownResponse(...parts), isPage: true }
}

/**
 * A permanent redirect: with 301, clients may repeat a POST as a GET (RFC 9110 §15.4.2); with 308 they do not. A location without
 * a host stays correct behind another proxy.
 */
export function redirect(status: 301 | 308, location: string, request: ReceivedRequest): OwnResponse {
  return ownResponse(status, [`Location: ${location}`], Buffer.alloc(0), request)
}
