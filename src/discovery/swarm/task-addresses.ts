import type { DescribedServer } from '../docker/container.ts'
import { hostPort } from '../host-port.ts'
import type { Mistake } from '../provider.ts'
import type { KnownTask } from './known-tasks.ts'

/** From where tasks are reached: a container that Limpet runs in is on their network; the network of a host never is. */
export class TaskAddresses {
  readonly #tasks: ReadonlyMap<string, KnownTask>
  readonly #network: string | undefined
  readonly #isInContainer: boolean

  constructor(tasks: readonly KnownTask[], isInContainer: boolean, network?: string) {
    this.#tasks = new Map(tasks.map((task) => [task.id, task]))
    this.#isInContainer = isInContainer
    this.#network = network
  }

  /** The address of a server; or what is wrong; or undefined where it has none at the moment. */
  of({ container: { id }, port, network, address }: DescribedServer): string | Omit<Mistake, 'where'> | undefined {
    const task = this.#tasks.get(id)
    if (address !== undefined || task === undefined) return address
    const wanted = network ?? this.#network
    const published = task.published.get(port)
    const reached = this.#isInContainer || wanted !== undefined ? this.#onNetwork(task, wanted) : undefined
    if (reached !== undefined) return hostPort(reached, port)
    // Its ports are published once it runs, and no longer while it ends.
    if (published !== undefined || task.state === 'away' || task.isStopping) return published
    if (wanted !== undefined) return { message: `expected the network ${wanted}, found ${listed(task)}` }
    return {
      message: `publishes no port of ${port} on its node, and is on ${listed(task)}, which Limpet does not reach from outside a container`,
      hint: `publish it with mode=host,target=${port}, or run Limpet as a service on the same network`,
    }
  }

  #onNetwork({ networks, project }: KnownTask, wanted: string | undefined): string | undefined {
    if (wanted === undefined) return networks[0]?.address
    return [wanted, `${project}_${wanted}`]
      .map((each) => networks.find(({ name }) => name === each)?.address)
      .find(Boolean)
  }
}

function listed({ networks }: KnownTask): string {
  return networks.map(({ name }) => name).join(', ') || 'no network'
}
