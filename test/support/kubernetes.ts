import { EventEmitter, once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { type Pem, TestAuthority } from './certificates.ts'
import { temporaryFolder } from './folder.ts'
import { until } from './until.ts'

/** A pod behind a Service. */
export interface Pod {
  /** Default: it is no pod, only an address. */
  readonly name?: string
  readonly address: string
  readonly ready?: boolean | null
  readonly serving?: boolean | null
  readonly terminating?: boolean | null
}

interface Slice {
  /** Default: `web`. */
  readonly service?: string
  readonly family?: 'IPv4' | 'IPv6'
  readonly ports?: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[]
  readonly pods: readonly Pod[]
}

interface Event {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly version: number
  readonly object: object
  readonly service: string
}

interface Watcher {
  readonly response: ServerResponse
  readonly service: string
}

/**
 * In place of the API of Kubernetes: list (in pages) and watch of EndpointSlices over TLS, with tokens and client certificates, versions,
 * bookmarks and 410, as its documentation describes them (reference/using-api/api-concepts). Ends with the test.
 */
export class Kubernetes {
  readonly port: number
  readonly authority: TestAuthority
  /** What it has been asked: targets. */
  readonly asked: string[] = []
  /** The tokens that it knows. */
  tokens = new Set(['token-1'])
  /** Whether those that it knows may list and watch. */
  isAllowed = true
  /** The most slices in one page. */
  page = 500
  #version = 100
  /** Versions before this one are too old to be watched from. */
  #oldest = 0
  readonly #slices = new Map<string, { readonly service: string; readonly object: object }>()
  readonly #events: Event[] = []
  readonly #watchers = new Set<Watcher>()
  readonly #changes = new EventEmitter()
  readonly #server: Server

  private constructor(server: Server, authority: TestAuthority) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    this.authority = authority
  }

  static async start(test: Pick<TestContext, 'after'>): Promise<Kubernetes> {
    const authority = await TestAuthority.create()
    const { cert, key } = await authority.issue(['127.0.0.1', 'kubernetes.default.svc'])
    const settings = { cert, key, ca: authority.ca, requestCert: true, rejectUnauthorized: false }
    const server = createServer(settings, (request, response) => api.#answer(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const api: Kubernetes = new Kubernetes(server, authority)
    test.after(() => api.end())
    return api
  }

  get url(): string {
    return `https://127.0.0.1:${this.port}`
  }

  /** Adds a slice, or changes it. */
  apply(name: string, { service = 'web', family = 'IPv4', ports = [{ name: 'http', port: 8080 }], pods }: Slice): void {
    const type = this.#slices.has(name) ? 'MODIFIED' : 'ADDED'
    const object = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name,
        namespace: 'shop',
        labels: { 'kubernetes.io/service-name': service },
        resourceVersion: String(++this.#version),
      },
      addressType: family,
      endpoints: pods.map(endpointOf),
      ports: ports.map((port) => ({ protocol: 'TCP', ...port })),
    }
    this.#slices.set(name, { service, object })
    this.#happened({ type, version: this.#version, object, service })
  }

  delete(name: string): void {
    const { service, object } = this.#slices.get(name)!
    this.#slices.delete(name)
    const version = ++this.#version
    const last = object as { metadata: object }
    const deleted = { ...last, metadata: { ...last.metadata, resourceVersion: String(version) } }
    this.#happened({ type: 'DELETED', version, object: deleted, service })
  }

  /** What happened so far is forgotten. Other resources have been changed meanwhile. */
  forget(): void {
    this.#version += 1000
    this.#oldest = this.#version
    this.#events.length = 0
  }

  /** Tells all that watch how far they are. Other resources have been changed meanwhile. */
  bookmark(): void {
    this.#version += 1000
    const object = { kind: 'EndpointSlice', metadata: { resourceVersion: String(this.#version) } }
    for (const { response } of this.#watchers) writeLine(response, 'BOOKMARK', object)
  }

  /** Ends all watches, as the API does after some minutes. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end()
    this.#watchers.clear()
  }

  /** All watches end with 410 Gone: their versions are too old. */
  expireWatches(): void {
    for (const { response } of this.#watchers) {
      writeLine(response, 'ERROR', status(410, 'Expired', 'too old resource version'))
      response.end()
    }
    this.#watchers.clear()
  }

  loseConnections(): void {
    this.#server.closeAllConnections()
    this.#watchers.clear()
  }

  end(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** Resolves once that many watches are open. */
  async watching(count = 1): Promise<void> {
    await until(() => this.#watchers.size === count, 2)
  }

  /** A folder such as a pod finds in /var/run/secrets/kubernetes.io/serviceaccount. */
  async serviceAccount(test: TestContext, token = 'token-1'): Promise<string> {
    const folder = await temporaryFolder(test)
    const files = { token, namespace: 'shop', 'ca.crt': this.authority.ca }
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
    return folder
  }

  /** The path of a kubeconfig with one context for a token, and one for a certificate. */
  async kubeconfig(test: TestContext, { cert, key }: Pem, token = 'token-1'): Promise<string> {
    const folder = join(await temporaryFolder(test), '.kube')
    await mkdir(folder)
    await writeFile(join(folder, 'ca.pem'), this.authority.ca)
    await writeFile(join(folder, 'token'), token)
    const text = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: this.url, 'certificate-authority': 'ca.pem' } }],
      users: [
        { name: 'by-token', user: { token } },
        {
          name: 'by-certificate',
          user: {
            'client-certificate-data': Buffer.from(cert).toString('base64'),
            'client-key-data': Buffer.from(key).toString('base64'),
          },
        },
      ],
      contexts: ['by-token', 'by-certificate'].map((user) => ({
        name: user,
        context: { cluster: 'test', user, namespace: 'shop' },
      })),
      'current-context': 'by-token',
    }
    const file = join(folder, 'config')
    await writeFile(file, JSON.stringify(text))
    return file
  }

  #happened(event: Event): void {
    this.#events.push(event)
    for (const { response, service } of this.#watchers)
      if (service === event.service) writeLine(response, event.type, event.object)
    this.#changes.emit('change')
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.asked.push(request.url!)
    const { pathname, searchParams: query } = new URL(request.url!, this.url)
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]
    const hasCertificate = (request.socket as TLSSocket).authorized
    if (!hasCertificate && (token === undefined || !this.tokens.has(token)))
      return refuse(response, 401, 'Unauthorized', 'Unauthorized')
    const namespace = /^\/apis\/discovery\.k8s\.io\/v1\/namespaces\/([^/]+)\/endpointslices$/.exec(pathname)?.[1]
    if (namespace === undefined)
      return refuse(response, 404, 'NotFound', 'the server could not find the requested resource')
    if (!this.isAllowed || namespace !== 'shop')
      return refuse(
        response,
        403,
        'Forbidden',
        `endpointslices.discovery.k8s.io is forbidden: User cannot list resource in the namespace "${namespace}"`,
      )
    const service = /^kubernetes\.io\/service-name=(.+)$/.exec(query.get('labelSelector') ?? '')![1]!
    if (query.get('watch') === 'true') this.#watch(response, service, Number(query.get('resourceVersion')))
    else this.#list(response, service, Number(query.get('limit') ?? 500), query.get('continue'))
  }

  #list(response: ServerResponse, service: string, limit: number, from: string | null): void {
    const all = [...this.#slices.values()].filter((slice) => slice.service === service).map(({ object }) => object)
    const [version = this.#version, start = 0] = from?.split('/').map(Number) ?? []
    if (version < this.#oldest) return refuse(response, 410, 'Expired', 'The provided continue parameter is too old')
    const end = start + Math.min(limit, this.page)
    const rest = end < all.length ? { continue: `${version}/${end}` } : {}
    const metadata = { resourceVersion: String(version), ...rest }
    respond(response, 200, { kind: 'EndpointSliceList', metadata, items: all.slice(start, end) })
  }

  #watch(response: ServerResponse, service: string, version: number): void {
    if (version < this.#oldest) {
      // The API answers with 200 and says so in the first event, as it may with 410 itself.
      response.writeHead(200, { 'Content-Type': 'application/json' })
      writeLine(response, 'ERROR', status(410, 'Expired', `too old resource version: ${version} (${this.#oldest})`))
      response.end()
      return
    }
    response.writeHead(200, { 'Content-Type': 'application/json' }).flushHeaders()
    const watcher = { response, service }
    this.#watchers.add(watcher)
    response.on('close', () => this.#watchers.delete(watcher))
    for (const event of this.#events)
      if (event.service === service && event.version > version) writeLine(response, event.type, event.object)
  }
}

function endpointOf({ name, address, ready = true, serving = ready, terminating = false }: Pod) {
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    nodeName: 'node-1',
    zone: 'zone-1',
    hints: { forZones: [{ name: 'zone-2' }] },
    ...(name !== undefined && { targetRef: { kind: 'Pod', name, namespace: 'shop' } }),
  }
}

function writeLine(response: ServerResponse, type: string, object: object): void {
  response.write(`${JSON.stringify({ type, object })}\n`)
}

function status(code: number, reason: string, message: string) {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code }
}

function refuse(response: ServerResponse, code: number, reason: string, message: string): void {
  respond(response, code, status(code, reason, message))
}

function respond(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
