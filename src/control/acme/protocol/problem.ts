/** An ACME server refuses something, and says why (RFC 7807, RFC 8555 §6.7). */
export class Problem extends Error {
  override readonly name = 'Problem'
  /** `rateLimited`, `connection` and so on: without the prefix that all have. */
  readonly type: string
  /** For how long it need not be tried again, in ms. */
  readonly retryAfter: number | undefined

  constructor(type: string, detail: string, retryAfter?: number) {
    super(detail)
    this.type = type
    this.retryAfter = retryAfter
  }

  /**
   * From the body of an answer, or the `error` of a challenge or an order. What it says is cut short and printable, since it goes
   * to the log.
   */
  static of(document: unknown, status?: number, retryAfter?: number): Problem {
    const { type, detail, subproblems } = (document ?? {}) as Record<string, unknown>
    const name = typeof type === 'string' ? type.replace(PREFIX, '') : `status ${status ?? 'unknown'}`
    const first = Array.isArray(subproblems) ? (subproblems[0] as { detail?: unknown } | undefined)?.detail : undefined
    const said = [detail, first].filter((text): text is string => typeof text === 'string')
    return new Problem(printable(name), printable(said.join(': ')) || 'it gives no reason', retryAfter)
  }
}

const PREFIX = /^urn:ietf:params:acme:error:/
const LONGEST = 500

/** In one line, without control characters. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line
}

/** An ACME server cannot be reached, or what answers is none. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
  /** For how long it need not be tried again, in ms. */
  readonly retryAfter: number | undefined

  constructor(message: string, retryAfter?: number) {
    super(message)
    this.retryAfter = retryAfter
  }
}
