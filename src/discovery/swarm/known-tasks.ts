import type { KnownContainer } from '../docker/known-containers.ts'
import { hostPort } from '../host-port.ts'
import { isAlive, isStarting, type Node, type Service, type SwarmState, type Task } from './swarm-state.ts'

/** A task, as what is read of containers: its labels and variables are those of its service. */
export interface KnownTask extends KnownContainer {
  /** Where its ports are reached that it publishes on its node, by the port of the container: `10.0.0.2:32768`. */
  readonly published: ReadonlyMap<number, string>
}

/** What is known of a task that the list of tasks does not say yet, from the events of this node. */
export interface TaskEvents {
  /** Tasks whose container has been asked to stop. */
  readonly stopping: ReadonlySet<string>
  /** Tasks whose container has ended. */
  readonly ended: ReadonlySet<string>
}

const order = new Intl.Collator('en', { numeric: true })

/** The tasks that run, or are about to, by service and slot. */
export function knownTasks({ services, tasks, nodes }: SwarmState, events: TaskEvents): KnownTask[] {
  const byService = new Map(services.map((service) => [service.ID, service]))
  const byNode = new Map(nodes.map((node) => [node.ID, node]))
  const known = tasks.flatMap((task) => {
    const service = byService.get(task.ServiceID ?? '')
    const isGone = !isAlive(task.Status.State) || events.ended.has(task.ID)
    return service === undefined || isGone ? [] : [knownTask(task, service, byNode.get(task.NodeID ?? ''), events)]
  })
  // The manager has no order of its own.
  return known.sort((one, other) => order.compare(one.name, other.name) || one.created - other.created)
}

function knownTask(task: Task, service: Service, node: Node | undefined, { stopping }: TaskEvents): KnownTask {
  const labels = service.Spec.Labels ?? {}
  const stack = labels['com.docker.stack.namespace']
  const state = stateOf(task, node)
  return {
    id: task.ID,
    name: `${service.Spec.Name}.${task.Slot ?? node?.Description?.Hostname ?? task.NodeID ?? task.ID}`,
    ...(stack !== undefined && { project: stack }),
    service: stack === undefined ? service.Spec.Name : service.Spec.Name.replace(`${stack}_`, ''),
    // A task keeps the labels of its service, which may have changed since it was created.
    created: Date.parse(task.CreatedAt) || 0,
    started: Date.parse(task.Status.Timestamp ?? '') || 0,
    labels,
    environment: Object.fromEntries((task.Spec?.ContainerSpec?.Env ?? []).map(variable)),
    ports: portsOf(service),
    state,
    networkMode: '',
    networks: networksOf(task),
    isOneOff: false,
    isStopping: state !== 'away' && (stopping.has(task.ID) || !['running', 'ready'].includes(task.DesiredState)),
    published: publishedBy(task, node),
  }
}

/** A node that does not answer keeps its tasks as `running` until they have been replaced. */
function stateOf({ Status }: Task, node: Node | undefined): KnownTask['state'] {
  if (isStarting(Status.State)) return 'away'
  return node?.Status?.State === 'down' ? 'down' : 'ready'
}

function variable(text: string): [string, string] {
  const end = text.indexOf('=')
  return end < 0 ? [text, ''] : [text.slice(0, end), text.slice(end + 1)]
}

/** What the service publishes: the images' own ports are not known to a manager. */
function portsOf({ Endpoint }: Service): number[] {
  const ports = (Endpoint?.Ports ?? []).filter(({ Protocol }) => (Protocol ?? 'tcp') === 'tcp')
  return [...new Set(ports.map(({ TargetPort }) => TargetPort))].toSorted((one, other) => one - other)
}

function networksOf({ NetworksAttachments }: Task): KnownTask['networks'] {
  const own = (NetworksAttachments ?? []).filter(({ Network }) => Network?.Spec?.Ingress !== true)
  return own
    .map(({ Network, Addresses }) => ({
      name: Network?.Spec?.Name ?? '',
      address: Addresses?.[0]?.replace(/\/.*$/, '') ?? '',
    }))
    .filter(({ name, address }) => name !== '' && address !== '')
    .toSorted((one, other) => (one.name < other.name ? -1 : 1))
}

/** Where the engine chose the port, it is one for IPv4, and after it another one for IPv6. */
function publishedBy({ Status }: Task, node: Node | undefined): Map<number, string> {
  const address = addressOf(node)
  if (address === undefined) return new Map()
  const published = (Status.PortStatus?.Ports ?? []).filter(
    ({ Protocol, PublishMode }) => (Protocol ?? 'tcp') === 'tcp' && PublishMode === 'host',
  )
  const inOrder = address.includes(':') ? published : published.toReversed()
  return new Map(
    inOrder.flatMap(({ TargetPort, PublishedPort }) =>
      PublishedPort ? [[TargetPort, hostPort(address, PublishedPort)] as const] : [],
    ),
  )
}

/** A manager may know no other address of itself than the one where it listens. */
function addressOf(node: Node | undefined): string | undefined {
  const address = node?.Status?.Addr ?? ''
  if (address !== '' && address !== '0.0.0.0') return address
  return /^\[?([^\]]+?)\]?:\d+$/.exec(node?.ManagerStatus?.Addr ?? '')?.[1]
}
