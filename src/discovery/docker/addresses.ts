import { nearest } from '../../config/nearest.ts'
import { didYouMean } from '../../config/validate.ts'
import { hostPort } from '../host-port.ts'
import type { Mistake } from '../provider.ts'
import type { DescribedServer } from './container.ts'
import type { KnownContainer } from './known-containers.ts'

/** From where containers are reached. */
export class Addresses {
  readonly #containers: ReadonlyMap<string, KnownContainer>
  readonly #machine: string
  readonly #network: string | undefined
  /** Limpet's own container, where it runs in one of this engine. */
  readonly #own: KnownContainer | undefined

  /** @param own the id of the container that this process may run in, or its beginning */
  constructor(containers: readonly KnownContainer[], machine: string, network?: string, own?: string) {
    this.#containers = new Map(containers.map((container) => [container.id, container]))
    this.#machine = machine
    this.#network = network
    this.#own = own === undefined ? undefined : containers.find(({ id }) => id.startsWith(own))
  }

  /** The address of a server; or what is wrong; or undefined where it has none at the moment. */
  of({ container: { id }, port, network, address }: DescribedServer): string | Omit<Mistake, 'where'> | undefined {
    if (address !== undefined) return address
    const container = this.#networkOwner(id)
    if (container === undefined) return undefined
    if (container.networkMode === 'host') return this.#onMachine(port)
    const { networks } = container
    if (networks.length === 0)
      return container.networkMode === 'none'
        ? { message: 'has no network', hint: 'connect it to one, or leave out its label limpet.enable' }
        : undefined
    const wanted = network ?? this.#network
    const used = wanted === undefined ? this.#reached(networks) : named(wanted, networks, container.project)
    return 'message' in used ? used : hostPort(used.address, port)
  }

  /** The container whose network it has: itself, or another where its network is `container:ID`. */
  #networkOwner(id: string): KnownContainer | undefined {
    const container = this.#containers.get(id)
    const [, other] = /^container:(.+)$/.exec(container?.networkMode ?? '') ?? []
    return other === undefined ? container : this.#containers.get(other)
  }

  #onMachine(port: number): string | Omit<Mistake, 'where'> {
    if (this.#own === undefined || this.#own.networkMode === 'host') return hostPort(this.#machine, port)
    return {
      message: "uses the network of the host, where Limpet's own container does not reach it",
      hint: 'connect it to a network that both are on, or run Limpet on the network of the host, too',
    }
  }

  #reached(networks: KnownContainer['networks']): KnownContainer['networks'][number] | Omit<Mistake, 'where'> {
    if (this.#own === undefined || this.#own.networkMode === 'host') return networks[0]!
    const own = this.#own.networks.map(({ name }) => name)
    const shared = networks.find(({ name }) => own.includes(name))
    if (shared !== undefined) return shared
    return {
      message: `is on ${listed(networks)}, and Limpet's own container is on ${own.join(', ') || 'none'}`,
      hint: `connect one of them to a network of the other: docker network connect ${networks[0]!.name} ${this.#own.name}`,
    }
  }
}

/** The network of that name, or of that name in the container's project. */
function named(
  wanted: string,
  networks: KnownContainer['networks'],
  project: string | undefined,
): KnownContainer['networks'][number] | Omit<Mistake, 'where'> {
  const found = [wanted, `${project}_${wanted}`].map((each) => networks.find(({ name }) => name === each))
  const names = networks.map(({ name }) => name)
  return (
    found.find((each) => each !== undefined) ?? {
      message: `expected the network ${wanted}, found ${listed(networks)}`,
      hint: didYouMean(nearest(wanted, names)),
    }
  )
}

function listed(networks: KnownContainer['networks']): string {
  return networks.map(({ name }) => name).join(', ')
}
