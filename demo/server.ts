import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { hostname } from 'node:os'
import type { Duplex } from 'node:stream'

// Without a listener, USR1 opens Node's debugger.
process.on('SIGUSR1', () => {})

/** How long a stop waits for requests in flight, in ms. Docker kills a container after 10 s. */
const STOP_WITHIN = 8_000

/** In ms. Longer than the load balancer keeps idle connections, so that the server never closes one that is being reused. */
const KEEP_ALIVE = 65_000

/** What a server does with connections that become WebSockets. */
export interface Upgrades {
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Asks the other sides to close them. */
  close(): void
}

/**
 * Runs one server of the lab until the process ends: `SERVER_NAME`, `HOST` and `PORT` come from the environment, every
 * response names the server in `X-Served-By`, and `/healthz` is its health check.
 *
 * TERM, INT, QUIT and the end of the parent's IPC channel let requests in flight finish, then exit with 0; a second signal
 * exits at once. A parent with an IPC channel gets the message `{ type: 'listening', address, port, name }`.
 */
export function serve(handle: RequestListener, upgrades?: Upgrades): void {
  const name = nameFrom(process.env.SERVER_NAME)
  const host = process.env.HOST || '0.0.0.0'
  const port = portFrom(process.env.PORT)
  const sockets = new Set<Socket>()
  const inFlight = new Set<ServerResponse>()
  let stopping = false

  const server = createServer({ keepAliveTimeout: KEEP_ALIVE }, (request, response) => {
    inFlight.add(response)
    if (stopping) response.shouldKeepAlive = false
    response.on('close', () => {
      inFlight.delete(response)
      if (stopping) server.closeIdleConnections()
    })
    response.setHeader('X-Served-By', name)
    if (pathOf(request) !== '/healthz') handle(request, response)
    else if (isRead(request)) answer(response, 200, 'ok\n')
    else answer(response, 405, 'Only GET and HEAD.\n', { Allow: 'GET, HEAD' })
  })

  if (upgrades !== undefined) server.on('upgrade', (...upgrade) => upgrades.accept(...upgrade))
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })

  function stop(reason: string): void {
    if (stopping) return
    stopping = true
    console.log(`${name} stops: ${reason}`)
    server.close(() => process.exit(0))
    upgrades?.close()
    // A head that is not sent yet gets Connection: close, so that the client does not reuse the connection.
    for (const response of inFlight) response.shouldKeepAlive = false
    // Browsers open connections in advance. Node 22 does not count one without any request as idle.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
    setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, STOP_WITHIN)
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => (stopping ? process.exit(1) : stop(signal)))
  }
  process.on('disconnect', () => stop('its parent has exited'))
  if (process.connected === false) process.exit(0)

  server.on('error', (error: NodeJS.ErrnoException) => refuse(whyNot(error, host, port)))
  server.listen({ host, port }, () => {
    const { address, port, family } = server.address() as AddressInfo
    console.log(`${name} listens on http://${family === 'IPv6' ? `[${address}]` : address}:${port}`)
    process.send?.({ type: 'listening', address, port, name })
  })
}

/** The path as the client wrote it, from a request target in origin or absolute form (RFC 9112 §3.2). */
export function pathOf(request: IncomingMessage): string {
  return request.url!.replace(/^https?:\/\/[^/?]*/i, '').split('?', 1)[0] || '/'
}

/** Whether the method is GET or HEAD, the only ones that the lab's servers support. */
export function isRead(request: IncomingMessage): boolean {
  return request.method === 'GET' || request.method === 'HEAD'
}

/** Sends a short text as the whole response. Caches do not store it. */
export function answer(response: ServerResponse, status: number, text: string, headers?: OutgoingHttpHeaders): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    ...headers,
  })
  response.end(text)
}

function nameFrom(value = ''): string {
  if (!/^[\x20-\x7e]*$/.test(value)) refuse('SERVER_NAME goes into a header, so it must be printable ASCII')
  return value.trim() || hostname()
}

function portFrom(value = ''): number {
  if (value === '') return 80
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    refuse(`PORT must be a number from 0 to 65535, not ${JSON.stringify(value)}; for example PORT=8080`)
  }
  return Number(value)
}

function whyNot(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'EADDRINUSE') return `port ${port} on ${host} is taken; set PORT to a free one (0 picks it)`
  if (error.code === 'EACCES') return `port ${port} on ${host} needs more privileges; set PORT to one above 1023`
  return `cannot listen on ${host}, port ${port}: ${error.message}`
}

function refuse(message: string): never {
  console.error(message)
  process.exit(1)
}
