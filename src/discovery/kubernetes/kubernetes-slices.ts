import type { KubernetesSource } from '../../config/sources/kubernetes.ts'
import { MAX_SERVERS } from '../../runtime/bounds.ts'
import { hostPort } from '../host-port.ts'
import type { FoundServer, Mistake } from '../provider.ts'
import { serverName } from '../server-name.ts'

interface Endpoint {
  readonly addresses?: readonly string[]
  readonly conditions?: {
    readonly ready?: boolean | null
    readonly serving?: boolean | null
    readonly terminating?: boolean | null
  }
  readonly targetRef?: { readonly kind?: string; readonly name?: string }
}

interface EndpointPort {
  readonly name?: string | null
  readonly port?: number | null
  readonly protocol?: string | null
}

/** https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/ */
export interface EndpointSlice {
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string }
  readonly addressType?: 'IPv4' | 'IPv6' | 'FQDN'
  readonly endpoints?: readonly Endpoint[] | null
  readonly ports?: readonly EndpointPort[] | null
}

export interface SliceEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: EndpointSlice
}

type State = NonNullable<FoundServer['state']>

/** The better one is used where two slices have the same pod, as while it is moved from one to the other. */
const states: readonly State[] = ['ready', 'drain', 'away']

/** A slice as it was last seen. Its servers are the same objects until it changes, so that lists of thousands are compared fast. */
interface SeenSlice {
  readonly family: EndpointSlice['addressType']
  readonly servers: readonly FoundServer[]
  readonly mistake: Mistake | undefined
}

/** The EndpointSlices of a Service, and the servers that they are. */
export class EndpointSlices {
  readonly #port: number | string | undefined
  readonly #families: readonly EndpointSlice['addressType'][]
  readonly #slices = new Map<string, SeenSlice>()

  constructor({ port, family }: Pick<KubernetesSource, 'port' | 'family'>) {
    this.#port = port
    this.#families = family === undefined ? ['IPv4', 'IPv6', 'FQDN'] : [family === 'ipv4' ? 'IPv4' : 'IPv6']
  }

  /** These are all slices that there are. */
  replace(slices: readonly EndpointSlice[]): void {
    this.#slices.clear()
    for (const slice of slices) this.#slices.set(nameOf(slice), seen(slice, this.#port))
  }

  apply(events: readonly SliceEvent[]): void {
    for (const { type, object } of events) {
      if (type === 'DELETED') this.#slices.delete(nameOf(object))
      else this.#slices.set(nameOf(object), seen(object, this.#port))
    }
  }

  servers(): { readonly servers: FoundServer[]; readonly mistakes: Mistake[] } {
    const found = new Map<string, FoundServer>()
    const mistakes: Mistake[] = []
    for (const wanted of this.#families) {
      // A pod with an address of an earlier family keeps that one.
      const ofFamily = new Map<string, FoundServer>()
      for (const { family, servers, mistake } of this.#slices.values()) {
        if (family !== wanted) continue
        if (mistake !== undefined) mistakes.push(mistake)
        for (const server of servers) {
          const known = ofFamily.get(server.id)
          if (known === undefined || isBetter(server, known)) ofFamily.set(server.id, server)
        }
      }
      for (const [id, server] of ofFamily) if (!found.has(id)) found.set(id, server)
    }
    if (found.size > MAX_SERVERS) throw new Error(`${found.size} endpoints, but there is room for ${MAX_SERVERS}`)
    const servers = [...found.values()].sort((one, other) => (one.id < other.id ? -1 : 1))
    return { servers, mistakes }
  }
}

function nameOf({ metadata }: EndpointSlice): string {
  return metadata?.name ?? ''
}

function seen(slice: EndpointSlice, wanted: number | string | undefined): SeenSlice {
  const family = slice.addressType
  const endpoints = slice.endpoints ?? []
  const port = portOf(slice, wanted)
  if (typeof port !== 'number') return { family, servers: [], mistake: endpoints.length > 0 ? port : undefined }
  const servers = endpoints.flatMap((endpoint) => serverOf(endpoint, port) ?? [])
  return { family, servers, mistake: undefined }
}

function serverOf({ addresses, conditions, targetRef }: Endpoint, port: number): FoundServer | undefined {
  // All addresses of an endpoint are the same pod's; the first one is what kube-proxy uses, too.
  const host = addresses?.[0]
  if (host === undefined) return undefined
  const address = hostPort(host, port)
  const id = targetRef?.kind === 'Pod' && targetRef.name !== undefined ? serverName(targetRef.name) : address
  return { id, name: id, address, state: stateOf(conditions) }
}

function isBetter({ state: one = 'ready' }: FoundServer, { state: other = 'ready' }: FoundServer): boolean {
  return states.indexOf(one) < states.indexOf(other)
}

/** What is not said is ready, serves as far as it is ready, and does not end: so the API defines it. */
function stateOf({ ready, serving, terminating }: NonNullable<Endpoint['conditions']> = {}): State {
  if (terminating === true) return (serving ?? ready ?? true) ? 'drain' : 'away'
  return (ready ?? true) ? 'ready' : 'away'
}

function portOf(slice: EndpointSlice, wanted: number | string | undefined): number | Mistake {
  const ports = (slice.ports ?? []).filter(({ protocol }) => (protocol ?? 'TCP') === 'TCP')
  const where = `EndpointSlice ${nameOf(slice)}`
  const known = ports.map(({ name, port }) => (name ? `${name} (${port})` : `${port}`)).join(', ')
  if (wanted === undefined) {
    const [only, ...others] = ports
    if (others.length === 0 && typeof only?.port === 'number') return only.port
    const message = only === undefined ? 'expected a TCP port, found none' : `expected one port, found ${known}`
    return { where, message, hint: 'say which one: port: http, or its number' }
  }
  const named = ports.find(({ name, port }) => (typeof wanted === 'number' ? port === wanted : name === wanted))
  if (typeof named?.port === 'number') return named.port
  // A Service without ports, as a headless one may be, leaves its pods any.
  if (typeof wanted === 'number' && ports.length === 0) return wanted
  return { where, message: `expected the port ${wanted}, found ${known || 'none'}` }
}
