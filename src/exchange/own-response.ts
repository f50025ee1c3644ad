/** A whole response that no server gave. */
export interface OwnResponse {
  readonly status: number
  readonly requestId: string
  /** Fields without line ends. */
  readonly lines: readonly string[]
  /** Further field lines, each with its line end; empty for none. */
  readonly fields: string
  readonly body: Buffer
  /** Whether the request was a HEAD, so that the body stays here. */
  readonly isToHead: boolean
  /** Whether nothing that the client sends after its request can be understood. */
  readonly isLast: boolean
}

/** A permanent redirect (RFC 9110 §15.4.2). A location without a host is right behind any other proxy, too. */
export function redirect(location: string, requestId: string, isToHead: boolean): OwnResponse {
  const lines = [`Location: ${location}`]
  return { status: 301, requestId, lines, fields: '', body: Buffer.alloc(0), isToHead, isLast: false }
}
