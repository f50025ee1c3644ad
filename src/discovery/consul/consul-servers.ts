import { hostPort } from '../host-port.ts'
import type { FoundServer, Mistake } from '../provider.ts'
import { serverName } from '../server-name.ts'

/** An instance of a service with its checks, as `/v1/health/service/NAME` answers it. Anything may be missing or of another kind. */
export interface ConsulEntry {
  readonly Node?: { readonly Node?: unknown; readonly Address?: unknown }
  readonly Service?: {
    readonly ID?: unknown
    readonly Service?: unknown
    readonly Address?: unknown
    readonly Port?: unknown
    readonly Weights?: { readonly Passing?: unknown; readonly Warning?: unknown }
  }
  readonly Checks?: readonly { readonly CheckID?: unknown; readonly Status?: unknown }[]
}

interface Instance {
  readonly id: string
  readonly node: string
  /** Whether other nodes probably have an instance of the same id: Consul takes the service's name for one that is given none. */
  readonly isDefaultId: boolean
  readonly address: string
  readonly state: NonNullable<FoundServer['state']>
  readonly weight: number | undefined
}

/** The servers that instances are. */
export function consulServers(entries: readonly ConsulEntry[], checks: 'passing' | 'warning') {
  const instances: Instance[] = []
  const mistakes: Mistake[] = []
  for (const entry of entries) {
    const found = instanceOf(entry, checks)
    if ('message' in found) mistakes.push(found)
    else instances.push(found)
  }
  const uses = new Map<string, number>()
  for (const { id } of instances) uses.set(id, (uses.get(id) ?? 0) + 1)
  const servers = instances.map(({ id, node, isDefaultId, address, state, weight }): FoundServer => {
    const name = serverName(isDefaultId || uses.get(id)! > 1 ? `${node}:${id}` : id)
    // An operator has said so: it has not been told to stop.
    const settings = { ...(weight !== undefined && { weight }), ...(state === 'drain' && { drain: true }) }
    return { id: name, name, address, state, ...(Object.keys(settings).length > 0 && { settings }) }
  })
  servers.sort((one, other) => (one.id < other.id ? -1 : 1))
  return { servers, mistakes }
}

function instanceOf(entry: ConsulEntry, allowed: 'passing' | 'warning'): Instance | Mistake {
  const { Node, Service, Checks } = entry ?? {}
  const node = textOf(Node?.Node)
  const id = textOf(Service?.ID)
  if (id === '')
    return { where: `an instance on node ${node || 'without a name'}`, message: 'expected a Service.ID, found none' }
  const where = `instance ${id} on node ${node}`
  const host = textOf(Service?.Address) || textOf(Node?.Address)
  if (!/^[\w.:-]+$/.test(host)) return { where, message: `expected an address, found ${JSON.stringify(host)}` }
  const port = Service?.Port
  if (!isWithin(port, 1, 65_535))
    return {
      where,
      message: `expected a port from 1 to 65535, found ${JSON.stringify(port) ?? 'none'}`,
      hint: 'register it with a port',
    }
  const isWarning = allowed === 'warning' && isWorst(Checks, 'warning')
  const weight = isWarning ? Service?.Weights?.Warning : (Service?.Weights?.Passing ?? 1)
  if (weight !== undefined && !isWithin(weight, 0, 65_535))
    return { where, message: `expected a weight from 0 to 65535, found ${JSON.stringify(weight)}` }
  const state = weight === 0 ? 'down' : stateOf(Checks, allowed)
  return {
    id,
    node,
    isDefaultId: id === textOf(Service?.Service),
    address: hostPort(host, port),
    state,
    // 1 is what Consul says of an instance that was given none: then that of the source holds.
    weight: weight === undefined || weight === 0 || (weight === 1 && !isWarning) ? undefined : weight,
  }
}

/** Maintenance is a critical check with an id of its own; an instance that fails besides is down. */
function stateOf(checks: ConsulEntry['Checks'], allowed: 'passing' | 'warning'): Instance['state'] {
  const own = listOf(checks)
  const others = own.filter((check) => !isMaintenance(check))
  const bearable = allowed === 'warning' ? ['passing', 'warning'] : ['passing']
  if (others.some(({ Status }) => !bearable.includes(textOf(Status)))) return 'down'
  return others.length === own.length ? 'ready' : 'drain'
}

function isWorst(checks: ConsulEntry['Checks'], status: string): boolean {
  const own = listOf(checks)
  return (
    own.some(({ Status }) => Status === status) && own.every(({ Status }) => Status === status || Status === 'passing')
  )
}

function isMaintenance({ CheckID, Status }: { readonly CheckID?: unknown; readonly Status?: unknown }): boolean {
  const id = textOf(CheckID)
  return Status === 'critical' && (id === '_node_maintenance' || id.startsWith('_service_maintenance:'))
}

function listOf(checks: ConsulEntry['Checks']) {
  const known = Array.isArray(checks) ? (checks as NonNullable<ConsulEntry['Checks']>) : []
  return known.filter((check) => check !== null && typeof check === 'object')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function isWithin(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}
