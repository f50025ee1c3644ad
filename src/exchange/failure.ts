import { MessageError } from '../http1/message-error.ts'

/** Whose doing it was. */
export type FailureSource = 'client' | 'upstream' | 'internal'

/**
 * What it says of the server of the attempt: `server`, that it failed, which counts towards `maxFails`; `answer`, that it
 * answers badly, which counts for `health.outlier`; `suspect`, that it failed unless the request does the same to another
 * server, too; or nothing, where the client, the request or this program brought it about.
 */
export type Blame = 'server' | 'answer' | 'suspect' | 'nobody'

/**
 * Whether the request may be sent again, to another server: `always` where nothing of it left, `idempotent` where that
 * depends on its method, `never` where it is too late or would not help.
 */
export type Retry = 'always' | 'idempotent' | 'never'

interface Meaning {
  /** What the client is told; 499 stands for a client that left, who is told nothing. */
  readonly status: number
  readonly source: FailureSource
  readonly retry: Retry
  /** Left out: nobody. */
  readonly blame?: Blame
  /** In the client's words; nothing of the inside shows. */
  readonly text: string
}

const meanings = {
  'bad-request': { status: 400, source: 'client', retry: 'never', text: 'The request is malformed' },
  'no-route': { status: 404, source: 'client', retry: 'never', text: 'Nothing is served under this address' },
  'head-timeout': { status: 408, source: 'client', retry: 'never', text: 'The request took too long to arrive' },
  'body-timeout': { status: 408, source: 'client', retry: 'never', text: 'The request took too long to arrive' },
  'body-too-large': { status: 413, source: 'client', retry: 'never', text: "The request's body is too large" },
  'target-too-long': { status: 414, source: 'client', retry: 'never', text: 'The address is too long' },
  'expectation-unknown': {
    status: 417,
    source: 'client',
    retry: 'never',
    text: 'The request expects what nobody here can do',
  },
  'head-too-large': { status: 431, source: 'client', retry: 'never', text: "The request's headers are too large" },
  'client-gone': { status: 499, source: 'client', retry: 'never', text: 'The client left' },
  'not-implemented': {
    status: 501,
    source: 'client',
    retry: 'never',
    text: 'The request needs something that is not supported here',
  },
  'connect-failed': {
    status: 502,
    source: 'upstream',
    retry: 'always',
    blame: 'server',
    text: 'The server could not be reached',
  },
  'connect-timeout': {
    status: 504,
    source: 'upstream',
    retry: 'always',
    blame: 'server',
    text: 'The server took too long to answer',
  },
  /** The server closed the connection while the request was still being sent. */
  'request-cut': { status: 502, source: 'upstream', retry: 'never', text: 'The server did not take the whole request' },
  /** A connection that had served others was closed, and nobody knows whether the server saw the request. */
  'connection-stale': { status: 502, source: 'upstream', retry: 'idempotent', text: 'The server broke off' },
  /** The server closed the connection without a byte of an answer. */
  'no-answer': { status: 502, source: 'upstream', retry: 'idempotent', blame: 'suspect', text: 'The server broke off' },
  'connection-lost': {
    status: 502,
    source: 'upstream',
    retry: 'idempotent',
    blame: 'server',
    text: 'The server broke off',
  },
  'response-malformed': {
    status: 502,
    source: 'upstream',
    retry: 'never',
    blame: 'answer',
    text: 'The server gave an answer that makes no sense',
  },
  'response-cut': { status: 502, source: 'upstream', retry: 'never', blame: 'server', text: 'The server broke off' },
  'response-timeout': {
    status: 504,
    source: 'upstream',
    retry: 'idempotent',
    blame: 'server',
    text: 'The server took too long to answer',
  },
  'no-server': { status: 503, source: 'upstream', retry: 'never', text: 'No server is available' },
  'queue-full': { status: 503, source: 'upstream', retry: 'never', text: 'All servers are busy' },
  'queue-timeout': {
    status: 503,
    source: 'upstream',
    retry: 'never',
    text: 'All servers have been busy for too long',
  },
  'session-lost': {
    status: 503,
    source: 'upstream',
    retry: 'never',
    text: 'The server that has your session is not available',
  },
  'too-many-connections': { status: 503, source: 'client', retry: 'never', text: 'Too many connections' },
  'version-unknown': {
    status: 505,
    source: 'client',
    retry: 'never',
    text: 'Only HTTP/1.0 and HTTP/1.1 are spoken here',
  },
  shortage: {
    status: 503,
    source: 'internal',
    retry: 'never',
    text: 'The load balancer has no connection left to reach a server',
  },
} as const satisfies Record<string, Meaning>

export type FailureCode = keyof typeof meanings

/** Why an exchange, or one attempt of it, came to nothing. */
export class Failure {
  readonly code: FailureCode
  /** What exactly happened, for the log. */
  readonly detail: string

  constructor(code: FailureCode, detail = '') {
    this.code = code
    this.detail = detail
  }

  get status(): number {
    return meanings[this.code].status
  }

  get source(): FailureSource {
    return meanings[this.code].source
  }

  get retry(): Retry {
    return meanings[this.code].retry
  }

  get blame(): Blame {
    return (meanings[this.code] as Meaning).blame ?? 'nobody'
  }

  /** One sentence for the client. For a request that is not understood it says what is wrong with it. */
  get text(): string {
    return (this.code === 'bad-request' || this.code === 'not-implemented') && this.detail !== ''
      ? `${meanings[this.code].text}: ${this.detail}`
      : meanings[this.code].text
  }
}

/** What a message that breaks the rules comes to; anything else is thrown on. */
export function failureOf(error: unknown): Failure {
  if (error instanceof MessageError) return new Failure(error.fault, error.message)
  throw error
}
