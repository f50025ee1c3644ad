import { MessageError } from '../http1/message-error.ts'
import type { FailureCode } from '../runtime/failure-code.ts'
import type { Incident } from './incident.ts'

/**
 * What the failure says about the server: it failed, which counts towards `maxFails` (`server`); it answers badly,
 * which counts for `health.outlier` (`answer`); it failed, unless the request fails on another server in the same way
 * (`suspect`); or nothing, since the client, the request or Limpet caused it (`nobody`).
 */
export type Blame = 'server' | 'answer' | 'suspect' | 'nobody'

/**
 * Whether the request may be sent to another server: `always` if the server has seen none of it, `idempotent` if that depends
 * on its method, `never` if it is too late or would not help.
 */
export type Retry = 'always' | 'idempotent' | 'never'

interface Meaning {
  /** The status for the client; 499, which is only logged, stands for a client that left. */
  readonly status: number
  readonly retry: Retry
  /** Default: `nobody`. */
  readonly blame?: Blame
  /** The text for the client. It reveals nothing about the setup behind Limpet. */
  readonly text: string
}

const meanings = {
  'bad-request': { status: 400, retry: 'never', text: 'The request is malformed' },
  /** Plain HTTP on a listener with TLS. */
  'not-encrypted': { status: 400, retry: 'never', text: 'This port speaks HTTPS, and the request is plain HTTP' },
  /** A filter of the route knows no user for the request. */
  unauthorized: { status: 401, retry: 'never', text: 'The request needs a valid sign-in' },
  /** By an operator, for a time. */
  banned: { status: 403, retry: 'never', text: 'Requests from this address are refused at present' },
  forbidden: { status: 403, retry: 'never', text: 'The request is not allowed here' },
  'rate-limited': { status: 429, retry: 'never', text: 'There have been too many requests' },
  'too-many-in-flight': { status: 429, retry: 'never', text: 'There are too many requests at once' },
  'no-route': { status: 404, retry: 'never', text: 'Nothing is served under this address' },
  'head-timeout': { status: 408, retry: 'never', text: 'The request took too long to arrive' },
  'body-timeout': { status: 408, retry: 'never', text: 'The request took too long to arrive' },
  'body-too-large': { status: 413, retry: 'never', text: "The request's body is too large" },
  'target-too-long': { status: 414, retry: 'never', text: 'The address is too long' },
  'expectation-unknown': {
    status: 417,

    retry: 'never',
    text: 'The expectation of the request is not supported here',
  },
  /** RFC 9110 §15.5.20. */
  misdirected: { status: 421, retry: 'never', text: 'This connection is not for that host' },
  'head-too-large': { status: 431, retry: 'never', text: "The request's headers are too large" },
  'client-gone': { status: 499, retry: 'never', text: 'The client left' },
  /** The server has answered with a status for which a filter asks another one. */
  'answer-refused': { status: 502, retry: 'idempotent', text: 'The server could not answer' },
  /** A filter of the route could not decide. */
  'filter-failed': { status: 500, retry: 'never', text: 'The request could not be handled' },
  'not-implemented': {
    status: 501,

    retry: 'never',
    text: 'The request needs something that is not supported here',
  },
  /** The client of a gRPC call no longer waits for it, or neither side has said anything for too long. */
  'call-timeout': { status: 504, retry: 'never', text: 'The call took too long' },
  'connect-failed': {
    status: 502,

    retry: 'always',
    blame: 'server',
    text: 'The server could not be reached',
  },
  /** The connection was opened, but no TLS connection came of it: the server's certificate is not valid, for example. */
  'tls-failed': {
    status: 502,

    retry: 'always',
    blame: 'server',
    text: 'The server could not be reached',
  },
  'connect-timeout': {
    status: 504,

    retry: 'always',
    blame: 'server',
    text: 'The server took too long to answer',
  },
  /** The server has said that it has not processed the request, and will not on that connection; or it ended and had not read it. */
  'not-processed': { status: 502, retry: 'always', text: 'The connection to the server was lost' },
  /** The server closed the connection while the request was still being sent. */
  'request-cut': { status: 502, retry: 'never', text: 'The server did not take the whole request' },
  /** A reused connection was closed, and the server may or may not have seen the request. */
  'connection-stale': {
    status: 502,

    retry: 'idempotent',
    text: 'The connection to the server was lost',
  },
  /** The server closed the connection without sending anything. */
  'no-answer': {
    status: 502,

    retry: 'idempotent',
    blame: 'suspect',
    text: 'The connection to the server was lost',
  },
  'connection-lost': {
    status: 502,

    retry: 'idempotent',
    blame: 'server',
    text: 'The connection to the server was lost',
  },
  'response-malformed': {
    status: 502,

    retry: 'never',
    blame: 'answer',
    text: 'The server gave an answer that makes no sense',
  },
  'response-cut': {
    status: 502,

    retry: 'never',
    blame: 'server',
    text: 'The response was cut off',
  },
  'response-timeout': {
    status: 504,

    retry: 'idempotent',
    blame: 'server',
    text: 'The server took too long to answer',
  },
  'no-server': { status: 503, retry: 'never', text: 'No server is available' },
  /** The server is to be empty by now, and the call is one that might go on for as long as both sides like. */
  'server-drained': { status: 503, retry: 'never', text: 'The server is going out of service' },
  'queue-full': { status: 503, retry: 'never', text: 'All servers are busy' },
  'queue-timeout': {
    status: 503,

    retry: 'never',
    text: 'All servers have been busy for too long',
  },
  paused: { status: 503, retry: 'never', text: 'The service is paused and will continue soon' },
  'session-lost': {
    status: 503,

    retry: 'never',
    text: 'The server that has your session is not available',
  },
  /** Whether the user may do that cannot be found out at present. */
  'auth-unavailable': { status: 503, retry: 'never', text: 'The sign-in cannot be checked at present' },
  /** A filter of the route says so. */
  maintenance: { status: 503, retry: 'never', text: 'The service is down for maintenance and will be back soon' },
  'too-many-connections': { status: 503, retry: 'never', text: 'Too many connections' },
  /** The disk, or the memory for it, could not keep the body of the request (RFC 4918 §11.5). */
  'storage-failed': { status: 507, retry: 'never', text: 'The request could not be stored' },
  'version-unknown': {
    status: 505,

    retry: 'never',
    text: 'Only HTTP/1.0 and HTTP/1.1 are supported here',
  },
  shortage: {
    status: 503,

    retry: 'never',
    text: 'The load balancer has no connection left to reach a server',
  },
} as const satisfies Record<FailureCode, Meaning>

/** The Retry-After of a 503 whose end nobody knows, in s. */
const RETRY_AFTER = 5

const NOTHING: readonly string[] = []
const NONE = {}

/** What a failure says besides its code. */
interface Particulars {
  /** In place of the status of its code. */
  readonly status?: number
  /** When the client may ask again, in s. */
  readonly retryAfter?: number
  /** Further fields of the response, without line ends. */
  readonly lines?: readonly string[]
  /** What other attempts failed by, too. */
  readonly incident?: Incident
}

/** Why an exchange, or one attempt of it, failed. */
export class Failure {
  readonly code: FailureCode
  /** Details for the log. */
  readonly detail: string
  readonly status: number
  /** Undefined where that is of no use to the client. */
  readonly retryAfter: number | undefined
  readonly lines: readonly string[]
  /** Undefined where it is this attempt's alone. */
  readonly incident: Incident | undefined

  constructor(code: FailureCode, detail = '', { status, retryAfter, lines = NOTHING, incident }: Particulars = NONE) {
    this.code = code
    this.detail = detail
    this.status = status ?? meanings[code].status
    this.retryAfter = retryAfter ?? (this.status === 503 ? RETRY_AFTER : undefined)
    this.lines = lines
    this.incident = incident
  }

  /** The failure of one of the attempts that an incident has ended. */
  static by(incident: Incident, code: FailureCode, detail = ''): Failure {
    return new Failure(code, detail, { incident })
  }

  get retry(): Retry {
    return meanings[this.code].retry
  }

  get blame(): Blame {
    return (meanings[this.code] as Meaning).blame ?? 'nobody'
  }

  /** One sentence for the client. For a malformed or unsupported request it says what is wrong. */
  get text(): string {
    return (this.code === 'bad-request' || this.code === 'not-implemented') && this.detail !== ''
      ? `${meanings[this.code].text}: ${this.detail}`
      : meanings[this.code].text
  }
}

/** The failure for an invalid message. Any other error is thrown again. */
export function failureOf(error: unknown): Failure {
  if (error instanceof MessageError) return new Failure(error.fault, error.message)
  throw error
}
