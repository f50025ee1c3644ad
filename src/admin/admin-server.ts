import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { setTimeout } from 'node:timers/promises'
import { Access, type AccessRules } from './access.ts'
import type { Administered } from './administered.ts'
import { adminApi } from './api.ts'
import { Dashboard } from './dashboard/dashboard.ts'
import { SignIns } from './dashboard/sign-ins.ts'
import { FORWARDED } from './forwarded.ts'
import { type Approach, assertNotForeign, assertOwnHost, isNavigation } from './gate.ts'
import { OperationRefused } from './operation-refused.ts'
import { answerTo, refusalOf } from './problem.ts'
import { answerToProbe } from './readiness.ts'
import type { Resources } from './resource.ts'
import type { Subject } from './subject.ts'

/** How long the head of a request may take, in ms. */
const HEAD_TIMEOUT = 10_000
/** The default of `requestTimeout`. */
const REQUEST_TIMEOUT = 30_000
/** The default of `sendTimeout`. */
const SEND_TIMEOUT = 60_000
/** How long the ends of streams may take to reach their clients, in ms. */
const LAST_EVENTS = 200
/** How many bytes of answers may wait for their clients. One that would make it more is not sent, unless no other waits. */
const MOST_WAITING = 64 * 1024 * 1024
/** The maximum size of a request's head, in bytes. */
const MAX_HEAD = 16 * 1024

/** Where requests arrive that are forwarded. */
const FORWARDER: Approach = { reach: 'loopback', hosts: [] }

export interface AdminServerOptions {
  readonly approach: Approach
  readonly access: AccessRules
  /** The folder of the built dashboard. Absent: there is no dashboard. */
  readonly dashboard?: string
  /** Notified of errors that nothing expects. */
  readonly report: (bug: unknown) => void
  /** How long a whole request may take to arrive, in ms. */
  readonly requestTimeout?: number
  /** How long a client may take no byte of a response, in ms. */
  readonly sendTimeout?: number
}

/** Answers the admin API's requests: HTTP/1.1 on sockets that are handed to it. */
export class AdminServer {
  readonly #http: Server
  readonly #subject: Subject
  readonly #api: Resources
  readonly #approach: Approach
  readonly #access: Access
  readonly #signIns: SignIns
  readonly #dashboard: Dashboard | undefined
  readonly #report: (bug: unknown) => void
  readonly #sendTimeout: number
  readonly #ending = new AbortController()
  /** Streams that have not ended. */
  readonly #streams = new Set<Promise<void>>()
  /** How many bytes of answers wait for their clients. */
  #waiting = 0

  constructor(administered: Administered, options: AdminServerOptions) {
    const { approach, access, dashboard, report } = options
    const { requestTimeout = REQUEST_TIMEOUT, sendTimeout = SEND_TIMEOUT } = options
    this.#subject = administered.subject
    this.#approach = approach
    this.#access = new Access(access)
    this.#signIns = new SignIns(administered.subject.instance)
    this.#dashboard = dashboard === undefined ? undefined : new Dashboard(dashboard, this.#signIns)
    this.#report = report
    this.#sendTimeout = sendTimeout
    this.#api = adminApi(administered, this.#access, this.#signIns, report, this.#ending.signal)
    const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void this.#answer(incoming, outgoing)
    this.#http = createServer({
      headersTimeout: Math.min(HEAD_TIMEOUT, requestTimeout),
      requestTimeout,
      connectionsCheckingInterval: Math.min(1000, requestTimeout),
      maxHeaderSize: MAX_HEAD,
    })
      .on('request', answer)
      // Only a body that is going to be read is asked for.
      .on('checkContinue', answer)
      .on('clientError', refuseConnection)
    // Another listens for it. From this event on, Node watches over the deadlines.
    this.#http.emit('listening')
  }

  /** Takes over a connection that is paused. */
  accept(socket: Socket): void {
    this.#http.emit('connection', socket)
    socket.resume()
  }

  /** Ends all streams, each after a whole event. Resolves once their clients know, as far as they read. */
  async end(): Promise<void> {
    this.#ending.abort()
    await Promise.race([Promise.allSettled(this.#streams), setTimeout(LAST_EVENTS, undefined, { ref: false })])
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      const response = await this.#responseTo(incoming, outgoing)
      // Another process has the next connections.
      if (this.#subject.phase === 'replaced') outgoing.shouldKeepAlive = false
      outgoing.setTimeout(this.#sendTimeout, () => outgoing.destroy())
      if (isStream(response)) await this.#stream(response, outgoing)
      else await this.#send(response, outgoing)
    } catch {
      // The client is gone, or reads too slowly.
      outgoing.destroy()
    }
  }

  async #stream({ status, headers, body }: Response, outgoing: ServerResponse): Promise<void> {
    outgoing.writeHead(status, Object.fromEntries(headers)).flushHeaders()
    const sent = pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), outgoing)
    this.#streams.add(sent)
    try {
      await sent
      // Its client is to come back, perhaps to another process.
      outgoing.req.socket.destroySoon()
    } finally {
      this.#streams.delete(sent)
    }
  }

  async #send(response: Response, outgoing: ServerResponse): Promise<void> {
    const content = Buffer.from(await response.arrayBuffer())
    // The client may have gone meanwhile.
    if (outgoing.closed) return
    if (this.#waiting > 0 && this.#waiting + content.length > MOST_WAITING) {
      const refusal = answerTo(new OperationRefused('busy', 'too many answers wait for clients that do not read them'))
      return send(refusal, Buffer.from(await refusal.arrayBuffer()), outgoing)
    }
    this.#waiting += content.length
    outgoing.once('close', () => {
      this.#waiting -= content.length
    })
    await send(response, content, outgoing)
  }

  /** At its start and its end, Limpet answers only what asks for that. */
  #assertServing(): void {
    const { phase } = this.#subject
    if (phase === 'starting' || phase === 'stopping') throw new OperationRefused('not-serving', `Limpet is ${phase}`)
  }

  async #responseTo(incoming: IncomingMessage, outgoing: ServerResponse): Promise<Response> {
    try {
      const isForwarded = incoming.headers[FORWARDED] !== undefined
      assertOwnHost(incoming, isForwarded ? FORWARDER : this.#approach)
      const probe = answerToProbe(incoming, this.#subject)
      if (probe !== undefined) return probe
      this.#assertServing()
      if (!isNavigation(incoming)) assertNotForeign(incoming)
      const request = requestOf(incoming)
      const page = this.#dashboard?.answer(incoming, request)
      if (page !== undefined) return page
      assertNotForeign(incoming)
      const { authorization } = incoming.headers
      const browser = authorization === undefined ? this.#signIns.callerOf(incoming) : undefined
      const caller = browser ?? this.#access.callerOf(authorization, isForwarded ? 'nobody' : 'anyone')
      return await this.#api.fetch(request, { incoming, outgoing, caller, isBrowser: browser !== undefined })
    } catch (error) {
      return answerTo(refusalOf(error, this.#report))
    }
  }
}

/** Methods that `Request` does not take. */
const notInFetch = ['CONNECT', 'TRACE', 'TRACK']

/** The request without its body, which is read where it is wanted. The host does not matter from here on. */
function requestOf({ method = 'GET', url = '/', headers }: IncomingMessage): Request {
  const entries = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string])
  return new Request(new URL(`http://localhost${url}`), {
    method: notInFetch.includes(method) ? 'OTHER' : method,
    headers: entries,
  })
}

function isStream({ body, headers }: Response): boolean {
  return body !== null && headers.get('Content-Type')?.startsWith('text/event-stream') === true
}

async function send({ status, headers }: Response, content: Buffer, outgoing: ServerResponse): Promise<void> {
  const hasBody = outgoing.req.method !== 'HEAD' && status !== 304
  if (hasBody) headers.set('Content-Length', String(content.length))
  outgoing.writeHead(status, Object.fromEntries(headers))
  if (hasBody) outgoing.write(content)
  // A connection that is closed while its client still sends may take the answer with it.
  if (!outgoing.req.complete) await finished(outgoing.req.resume()).catch(() => {})
  outgoing.end()
}

/** What arrived is no request, or did not arrive in time. */
function refuseConnection({ code }: NodeJS.ErrnoException, socket: Socket & { _httpMessage?: ServerResponse }): void {
  if (!socket.writable || socket._httpMessage?.headersSent) {
    socket.destroy()
    return
  }
  const refusal = {
    ERR_HTTP_REQUEST_TIMEOUT: new OperationRefused('timeout', 'the request took too long to arrive'),
    HPE_HEADER_OVERFLOW: new OperationRefused('too-large', `expected a head of at most ${MAX_HEAD / 1024} KiB`),
  }[code ?? '']
  const response = answerTo(refusal ?? new OperationRefused('invalid', 'this is not HTTP/1.1'))
  void response.text().then((content) => {
    const head = [
      `HTTP/1.1 ${response.status} ${response.status === 408 ? 'Request Timeout' : 'Bad Request'}`,
      ...response.headers.entries().map(([name, value]) => `${name}: ${value}`),
      `content-length: ${Buffer.byteLength(content)}`,
      'connection: close',
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${content}`)
  })
}
