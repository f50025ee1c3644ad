import { randomBytes } from 'node:crypto'
import { labConfig } from '../config/lab.ts'
import { resolve } from '../config/resolve.ts'
import type { Config } from '../config/schema.ts'
import { ListenerTls } from '../config/tls/listener-tls.ts'
import type { DemoCertificate } from './demo-certificate.ts'
import type { DemoServer, Kind } from './demo-process.ts'

/** What the demo's configuration depends on. */
export interface DemoPlace {
  readonly port: number
  readonly adminPort: number
  /** Where this run keeps its state, of which the next one knows nothing. */
  readonly stateDirectory: string
  readonly certificate: DemoCertificate | undefined
}

/** The lab, and where there are chat servers, the chat beside it. */
export function demoConfig(servers: readonly DemoServer[], place: DemoPlace): Config {
  const { port, adminPort, stateDirectory, certificate } = place
  const lab = labConfig({
    STATIC_BACKEND: addressesOf(servers, 'static').join(' '),
    DYNAMIC_BACKEND: addressesOf(servers, 'dynamic').join(' '),
  })
  const chat = addressesOf(servers, 'chat')
  const { routes, upstreams } = chat.length === 0 ? { routes: [], upstreams: [] } : chatConfig(chat)
  const tls = certificate && {
    tls: ListenerTls.parse({ certificates: [{ cert: certificate.cert, key: certificate.key }] }),
  }
  return {
    ...lab,
    // Browsers send the dashboard's cookie to all ports of this host, so its name must differ.
    instance: `demo-${adminPort}`,
    listeners: [{ address: '127.0.0.1', port, proxyProtocol: false, ...tls }],
    admin: { address: '127.0.0.1', port: adminPort },
    stateDirectory,
    routes: [...lab.routes, ...routes],
    upstreams: [...lab.upstreams, ...upstreams].map((upstream) => named(upstream, servers)),
  }
}

function addressesOf(servers: readonly DemoServer[], kind: Kind): string[] {
  return servers.filter((server) => server.kind === kind).map(({ address }) => address)
}

/** A user stays in the room of one server, by a cookie. Their sessions are over soon, so that a drain can be watched. */
function chatConfig(servers: readonly string[]): Config {
  const secrets = [randomBytes(32).toString('base64url')]
  const affinity = { type: 'cookie', name: 'demo-chat', secrets, idle: '1m' }
  const outcome = resolve({
    routes: [{ path: '/chat/*', upstream: 'chat' }],
    upstreams: { chat: { balance: 'least-connections', affinity, servers } },
  })
  if ('issues' in outcome) throw new Error(outcome.issues.map(({ message }) => message).join('; '))
  return outcome.value
}

/** With the names of its servers, which are easier to follow than their addresses. */
function named(upstream: Config['upstreams'][number], all: readonly DemoServer[]): Config['upstreams'][number] {
  const names = all.filter(({ kind }) => kind === upstream.name).map(({ name }) => name)
  return { ...upstream, servers: upstream.servers.map((server, index) => ({ ...server, name: names[index]! })) }
}
