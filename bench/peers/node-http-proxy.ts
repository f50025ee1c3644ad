// The program of the peer `node-http`: a typical proxy in JavaScript, which does the same work as the others.
import cluster from 'node:cluster'
import { createHash, randomUUID } from 'node:crypto'
import { createWriteStream, readFileSync } from 'node:fs'
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createProxyServer } from 'http-proxy-3'
import type { Setup, Upstream } from '../peer.ts'

const setup = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Setup

class Group {
  readonly #upstream: Upstream
  #turn = 0

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  pick(address: string): string {
    const { balance, servers } = this.#upstream
    const turn = balance === 'ip-hash' ? createHash('md5').update(address).digest().readUInt32LE() : this.#turn++
    return servers[turn % servers.length]!
  }
}

if (cluster.isPrimary && setup.workers > 1) {
  for (let worker = 0; worker < setup.workers; worker++) cluster.fork()
  process.on('SIGTERM', () => process.exit())
} else {
  serve()
}

function serve(): void {
  const log = createWriteStream(setup.accessLog, { flags: 'a' })
  const proxy = createProxyServer({ agent: new Agent({ keepAlive: true, maxFreeSockets: 1024 }), xfwd: true })
  proxy.on('error', (_error, _request, response) => {
    if ('writeHead' in response && !response.headersSent) response.writeHead(502)
    response.end()
  })

  const groups = new Map(setup.upstreams.map((upstream) => [upstream.name, new Group(upstream)]))
  const exact = new Map(setup.routes.map(({ path, upstream }) => [path, groups.get(upstream)!]))
  const prefixes = setup.routes
    .filter(({ path }) => path.endsWith('/*'))
    .map(({ path, upstream }) => ({ prefix: path.slice(0, -1), group: groups.get(upstream)! }))
    .sort((one, other) => other.prefix.length - one.prefix.length)

  const server = createServer((request, response) => {
    const path = request.url!.split('?', 1)[0]!
    const group = exact.get(path) ?? prefixes.find(({ prefix }) => path.startsWith(prefix))!.group
    const address = request.socket.remoteAddress!
    const target = group.pick(address)
    request.headers['x-request-id'] ??= randomUUID()
    response.on('finish', () => log.write(`${logLine(request, response, address)} ${target}\n`))
    proxy.web(request, response, { target: `http://${target}` })
  })
  server.keepAliveTimeout = 75_000
  server.requestTimeout = 0
  server.listen(setup.port, '127.0.0.1')
  process.on('SIGTERM', () => {
    server.close(() => process.exit())
    server.closeAllConnections()
  })
}

function logLine({ method, url, httpVersion, headers }: IncomingMessage, response: ServerResponse, address: string) {
  const { referer = '-', 'user-agent': userAgent = '-' } = headers
  const length = response.getHeader('content-length') ?? '-'
  return `${address} - - [${new Date().toISOString()}] "${method} ${url} HTTP/${httpVersion}" ${response.statusCode} ${length} "${referer}" "${userAgent}"`
}
