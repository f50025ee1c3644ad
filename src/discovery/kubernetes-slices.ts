import type { KubernetesSource } from '../config/sources/kubernetes.ts'
import { MAX_SERVERS } from '../runtime/bounds.ts'
import { hostPort } from './host-port.ts'
import type { FoundServer, Mistake } from './provider.ts'
import { serverName } from './server-name.ts'

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

/** The EndpointSlices of a Service, and the servers that they are. */
export class EndpointSlices {
  readonly #port: number | string | undefined
  readonly #families: readonly string[]
  #slices = new Map<string, EndpointSlice>()

  constructor({ port, family }: Pick<KubernetesSource, 'port' | 'family'>) {
    this.#port = port
    this.#families = family === undefined ? ['IPv4', 'IPv6', 'FQDN'] : [family === 'ipv4' ? 'IPv4' : 'IPv6']
  }

  /** These are all slices that there are. */
  replace(slices: readonly EndpointSlice[]): void {
    this.#slices = new Map(slices.map((slice) => [nameOf(slice), slice]))
  }

  apply(events: readonly SliceEvent[]): void {
    for (const { type, object } of events) {
      if (type === 'DELETED') this.#slices.delete(nameOf(object))
      else this.#slices.set(nameOf(object), object)
    }
  }

  servers(): { readonly servers: FoundServer[]; readonly mistakes: Mistake[] } {
    const found = new Map<string, FoundServer>()
    const mistakes: Mistake[] = []
    for (const family of this.#families) {
      // A pod with an address of an earlier family keeps that one.
      const ofFamily = new Map<string, FoundServer>()
      for (const slice of this.#slices.values()) {
        if (slice.addressType !== family) continue
        const port = portOf(slice, this.#port)
        if (typeof port !== 'number') {
          if ((slice.endpoints ?? []).length > 0) mistakes.push(port)
          continue
        }
        for (const endpoint of slice.endpoints ?? []) addBetter(ofFamily, endpoint, port)
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

function addBetter(
  servers: Map<string, FoundServer>,
  { addresses, conditions, targetRef }: Endpoint,
  port: number,
): void {
  // All addresses of an endpoint are the same pod's; the first one is what kube-proxy uses, too.
  const host = addresses?.[0]
  if (host === undefined) return
  const address = hostPort(host, port)
  const id = targetRef?.kind === 'Pod' && targetRef.name !== undefined ? serverName(targetRef.name) : address
  const state = stateOf(conditions)
  const known = servers.get(id)?.state
  if (known === undefined || states.indexOf(state) < states.indexOf(known))
    servers.set(id, { id, name: id, address, state })
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
