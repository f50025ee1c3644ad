import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporaryFolder } from '../support/folder.ts'

/** The paths that Limpet asks an engine for; the version of the API comes before them. */
const ALLOWED = [
  /^\/_ping$/,
  /^\/version$/,
  /^\/events$/,
  /^\/networks$/,
  /^\/containers\/json$/,
  /^\/containers\/[\w.-]+\/json$/,
]

export interface AllowListProxy {
  readonly host: string
  /** `GET /containers/json`, all that came, and of these what was refused. */
  readonly requests: readonly string[]
  readonly refused: readonly string[]
  /** Ends all connections, as an engine that restarts does. */
  cut(): void
}

/** A proxy before the engine's socket that lets pass only GET and HEAD, and only those paths, and records every request. */
export async function startAllowListProxy(test: TestContext, engine: string): Promise<AllowListProxy> {
  const requests: string[] = []
  const refused: string[] = []
  const server = createServer(({ method = '', url = '', headers }, response) => {
    const path = new URL(url, 'http://docker').pathname.replace(/^\/v1\.\d+(?=\/)/, '')
    requests.push(`${method} ${path}`)
    if (!['GET', 'HEAD'].includes(method) || !ALLOWED.some((allowed) => allowed.test(path))) {
      refused.push(`${method} ${path}`)
      response.writeHead(403).end('not allowed')
      return
    }
    const forwarded = request({ socketPath: engine, method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers)
      response.flushHeaders()
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    forwarded.on('error', () => response.destroy())
    response.on('close', () => forwarded.destroy())
    forwarded.end()
  })
  const socket = join(await temporaryFolder(test), 'proxy.sock')
  server.listen(socket)
  await once(server, 'listening')
  test.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { host: `unix://${socket}`, requests, refused, cut: () => server.closeAllConnections() }
}
