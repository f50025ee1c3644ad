/**
 * What becomes of a label of Traefik. `read`: it is used. `ignored`: it changes nothing here. `noted`: it is not used, which is
 * reported once for all containers. `refused`: it is not supported, which is reported for each. `left-out`: neither are routes that need
 * it, since it protects them.
 */
export type Meaning = 'read' | 'ignored' | 'noted' | 'refused' | 'left-out'

export interface Key {
  /** `NAME` stands for a name, `[n]` for an index, a final `*` for any number of further parts. In lower case besides. */
  readonly key: string
  readonly meaning: Meaning
  /** What it does here, or why it does nothing and what to do instead. */
  readonly why: string
}

const router = 'traefik.http.routers.NAME'
const service = 'traefik.http.services.NAME'
const balancer = `${service}.loadbalancer`

const tls = 'TLS belongs to listeners: write tls, with acme or files, at the listener'
const onlyHttp = 'Limpet serves HTTP: publish the port of the container itself'
const tlsToServers =
  'write it at the upstream: limpet.upstreams.NAME.tls.verify or .serverName, with the name of the service'
const severalServices = 'a service made of other services is not supported: let each router name one service'
const firstTraefik = 'a label of Traefik 1: write the labels of Traefik 2 or 3 (traefik.http.routers.NAME.rule)'

/** Every label that Traefik knows, besides those of middlewares (middlewares/keys.ts). The order is that of the docs. */
export const keys: readonly Key[] = [
  {
    key: 'traefik.enable',
    meaning: 'read',
    why: 'false: no label of Traefik of this container is read. true: the container is served even if no router is written',
  },
  { key: 'traefik.docker.network', meaning: 'read', why: 'the network on which the container is reached' },
  { key: 'traefik.swarm.network', meaning: 'read', why: 'the network on which the tasks are reached' },
  {
    key: 'traefik.docker.lbswarm',
    meaning: 'ignored',
    why: 'requests go to the tasks themselves, never to the virtual address of the service',
  },
  {
    key: 'traefik.swarm.lbswarm',
    meaning: 'ignored',
    why: 'requests go to the tasks themselves, never to the virtual address of the service',
  },
  {
    key: 'traefik.docker.allownonrunning',
    meaning: 'ignored',
    why: 'a container that is not running gets no requests',
  },
  { key: 'traefik.constraint-label', meaning: 'ignored', why: 'constraints belong to the configuration of Traefik' },
  { key: 'traefik.tags', meaning: 'ignored', why: 'constraints belong to the configuration of Traefik' },

  {
    key: `${router}.rule`,
    meaning: 'read',
    why: 'host, path, methods, headers and query of the route; several routes where it has alternatives',
  },
  { key: `${router}.rulesyntax`, meaning: 'ignored', why: 'the syntaxes of Traefik 2 and 3 are both read' },
  { key: `${router}.service`, meaning: 'read', why: 'the upstream. Of services with @, only those @docker and @swarm' },
  {
    key: `${router}.middlewares`,
    meaning: 'read',
    why: 'filters of the route, in their order: see the middlewares above',
  },
  {
    key: `${router}.priority`,
    meaning: 'read',
    why: 'priority of the route, where the most specific route is another than the one that Traefik would ask first',
  },
  {
    key: `${router}.entrypoints`,
    meaning: 'read',
    why: 'not used for routing: every listener serves every route. Reported for names other than web, websecure, http and https',
  },
  { key: `${router}.tls`, meaning: 'noted', why: tls },
  { key: `${router}.tls.certresolver`, meaning: 'noted', why: tls },
  { key: `${router}.tls.domains[n].main`, meaning: 'noted', why: tls },
  { key: `${router}.tls.domains[n].sans`, meaning: 'noted', why: tls },
  {
    key: `${router}.tls.options`,
    meaning: 'read',
    why: 'other than default, they may demand certificates of clients: the route is not served',
  },
  {
    key: `${router}.observability.*`,
    meaning: 'ignored',
    why: 'logs, metrics and traces are configured for all routes',
  },

  {
    key: `${balancer}.server.port`,
    meaning: 'read',
    why: 'the port of the server. Default: the lowest port that the container exposes',
  },
  {
    key: `${balancer}.server.scheme`,
    meaning: 'read',
    why: 'https: tls of the upstream, protocol auto. h2c: its protocol',
  },
  { key: `${balancer}.server.weight`, meaning: 'read', why: 'the weight of the server' },
  {
    key: `${balancer}.server.url`,
    meaning: 'read',
    why: 'the address of the server, and its scheme, in place of the address of the container',
  },
  { key: `${balancer}.server.preservepath`, meaning: 'ignored', why: 'servers get the path of the request' },
  { key: `${balancer}.serverstransport`, meaning: 'refused', why: tlsToServers },
  {
    key: `${balancer}.strategy`,
    meaning: 'read',
    why: 'balance: wrr is round-robin, p2c random-two, hrw consistent-hash by address, leasttime least-time',
  },
  { key: `${balancer}.sticky`, meaning: 'read', why: 'affinity: cookie' },
  { key: `${balancer}.sticky.cookie`, meaning: 'read', why: 'affinity: cookie' },
  { key: `${balancer}.sticky.cookie.name`, meaning: 'read', why: 'name of the cookie' },
  { key: `${balancer}.sticky.cookie.secure`, meaning: 'read', why: 'true: secure: always. false: auto' },
  { key: `${balancer}.sticky.cookie.httponly`, meaning: 'read', why: 'httpOnly. Default: true' },
  { key: `${balancer}.sticky.cookie.samesite`, meaning: 'read', why: 'sameSite. Default: lax' },
  {
    key: `${balancer}.sticky.cookie.maxage`,
    meaning: 'read',
    why: 'maxAge, in seconds, and persistent: true. 0: until the browser ends',
  },
  { key: `${balancer}.sticky.cookie.path`, meaning: 'read', why: 'path of the cookie' },
  { key: `${balancer}.sticky.cookie.domain`, meaning: 'read', why: 'domain of the cookie' },
  { key: `${balancer}.healthcheck.path`, meaning: 'read', why: 'health.check.path. Without it there is no check' },
  { key: `${balancer}.healthcheck.mode`, meaning: 'read', why: 'grpc: the health service of gRPC is asked' },
  { key: `${balancer}.healthcheck.interval`, meaning: 'read', why: 'health.check.interval. Default: 30s' },
  {
    key: `${balancer}.healthcheck.unhealthyinterval`,
    meaning: 'refused',
    why: 'there is one interval, whether a server is up or down',
  },
  { key: `${balancer}.healthcheck.timeout`, meaning: 'read', why: 'health.check.timeout. Default: 5s' },
  { key: `${balancer}.healthcheck.port`, meaning: 'read', why: 'health.check.port' },
  { key: `${balancer}.healthcheck.scheme`, meaning: 'read', why: 'health.check.tls' },
  { key: `${balancer}.healthcheck.hostname`, meaning: 'read', why: 'the Host of the check' },
  { key: `${balancer}.healthcheck.headers.*`, meaning: 'read', why: 'a header of the check' },
  { key: `${balancer}.healthcheck.method`, meaning: 'read', why: 'GET, HEAD or OPTIONS' },
  { key: `${balancer}.healthcheck.status`, meaning: 'read', why: 'the status that passes. Default: 200-399' },
  {
    key: `${balancer}.healthcheck.followredirects`,
    meaning: 'ignored',
    why: 'redirects are not followed; a status of 3xx passes',
  },
  { key: `${balancer}.passivehealthcheck.failurewindow`, meaning: 'read', why: 'failTimeout of the server' },
  { key: `${balancer}.passivehealthcheck.maxfailedattempts`, meaning: 'read', why: 'maxFails of the server' },
  {
    key: `${balancer}.passhostheader`,
    meaning: 'read',
    why: 'servers get the Host of the client. false is not supported, and is reported',
  },
  {
    key: `${balancer}.responseforwarding.flushinterval`,
    meaning: 'ignored',
    why: 'responses are passed on as they come',
  },
  { key: `${service}.weighted.*`, meaning: 'refused', why: severalServices },
  { key: `${service}.mirroring.*`, meaning: 'refused', why: severalServices },
  { key: `${service}.failover.*`, meaning: 'refused', why: severalServices },
  { key: `${service}.highestrandomweight.*`, meaning: 'refused', why: severalServices },
  { key: `${service}.middlewares`, meaning: 'refused', why: 'write the middlewares at the routers' },

  { key: 'traefik.http.serverstransports.NAME.*', meaning: 'refused', why: tlsToServers },
  { key: 'traefik.tcp.*', meaning: 'refused', why: onlyHttp },
  { key: 'traefik.udp.*', meaning: 'refused', why: onlyHttp },
  { key: 'traefik.tls.*', meaning: 'noted', why: tls },

  { key: 'traefik.backend.*', meaning: 'refused', why: firstTraefik },
  { key: 'traefik.domain', meaning: 'refused', why: firstTraefik },
  { key: 'traefik.frontend.*', meaning: 'refused', why: firstTraefik },
  { key: 'traefik.port', meaning: 'refused', why: firstTraefik },
  { key: 'traefik.protocol', meaning: 'refused', why: firstTraefik },
  { key: 'traefik.weight', meaning: 'refused', why: firstTraefik },
]

const byKey = new Map(keys.map((key) => [key.key, key]))

/** The key of which a label is an instance, or undefined if Traefik knows none. */
export function keyOf(parts: readonly string[]): Key | undefined {
  const exact = byKey.get(parts.join('.'))
  if (exact !== undefined) return exact
  for (let length = parts.length; length > 1; length--) {
    const below = byKey.get(`${parts.slice(0, length).join('.')}.*`)
    if (below !== undefined) return below
  }
  return undefined
}
