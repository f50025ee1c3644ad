import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { contentTypes, formatFor, type Metrics } from './metrics.ts'

/** How long a request may take to arrive, how long a client may take no byte of a response, and the wait for the next request; in ms. */
const REQUEST_TIMEOUT = 10_000
const SEND_TIMEOUT = 30_000
const IDLE_TIMEOUT = 75_000
/** The maximum size of a request's head, in bytes. */
const MAX_HEAD = 16 * 1024
/** How many responses may be in progress, since each is in memory as a whole. */
const MAX_RESPONSES = 8

/** Answers with the metrics, and knows nothing else: HTTP/1.1 on sockets that are handed to it. */
export class MetricsServer {
  readonly #http: Server
  readonly #metrics: Metrics
  readonly #report: (bug: unknown) => void
  #responses = 0

  /** @param report notified of errors that nothing expects */
  constructor(metrics: Metrics, report: (bug: unknown) => void) {
    this.#metrics = metrics
    this.#report = report
    this.#http = createServer(
      {
        headersTimeout: REQUEST_TIMEOUT,
        requestTimeout: REQUEST_TIMEOUT,
        connectionsCheckingInterval: 1000,
        keepAliveTimeout: IDLE_TIMEOUT,
        maxHeaderSize: MAX_HEAD,
      },
      (incoming, outgoing) => void this.#answer(incoming, outgoing),
    )
    // Another listens for it. From this event on, Node watches over the deadlines.
    this.#http.emit('listening')
  }

  /** Takes over a connection that is paused. */
  accept(socket: Socket): void {
    this.#http.emit('connection', socket)
    socket.resume()
  }

  async #answer({ method, url = '', headers }: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    outgoing.setTimeout(SEND_TIMEOUT, () => outgoing.destroy())
    if (url.split('?', 1)[0] !== '/metrics') return refuse(outgoing, 404, 'only /metrics is here')
    if (method !== 'GET' && method !== 'HEAD') return refuse(outgoing, 405, 'only GET and HEAD', { Allow: 'GET, HEAD' })
    if (this.#responses >= MAX_RESPONSES) {
      return refuse(outgoing, 503, `${MAX_RESPONSES} responses are in progress already`, { 'Retry-After': '1' })
    }
    this.#responses++
    outgoing.once('close', () => this.#responses--)
    try {
      const format = formatFor(headers.accept)
      const content = Buffer.concat(await this.#metrics.write(format))
      outgoing.writeHead(200, {
        'Content-Type': contentTypes[format],
        'Content-Length': content.length,
        Connection: 'close',
      })
      outgoing.end(method === 'HEAD' ? undefined : content)
    } catch (error) {
      this.#report(error)
      refuse(outgoing, 500, 'this is a bug in Limpet, please report it')
    }
  }
}

function refuse(outgoing: ServerResponse, status: number, why: string, headers: Record<string, string> = {}): void {
  outgoing.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers }).end(`${why}\n`)
}
