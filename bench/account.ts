import type { Stage } from './case.ts'
import { busyTime, type Cores } from './cores.ts'
import type { Sample } from './metric.ts'
import type { ProcessTree } from './process-tree.ts'

/** Measures the CPU and memory of a proxy under load. */
export class Account {
  readonly #proxy: ProcessTree
  readonly #cores: Cores
  readonly #openedAt = performance.now()
  readonly #cpu: number
  readonly #busy: number

  private constructor(proxy: ProcessTree, cores: Cores) {
    this.#proxy = proxy
    this.#cores = cores
    this.#cpu = proxy.cpu()
    this.#busy = busyTime(cores.proxy)
  }

  /** Undefined if the system has no accounting of processes. */
  static open({ proxy, cores }: Stage): Account | undefined {
    return proxy && new Account(proxy, cores)
  }

  /** @param duration of the load, in µs */
  close(requests: number, duration: number): Sample {
    const cpu = this.#proxy.cpu() - this.#cpu
    const { proxy, load } = this.#cores
    const cores = proxy.length || 1
    const time = (performance.now() - this.#openedAt) * 1000 * cores
    const isAlone = proxy.length > 0 && !proxy.some((core) => load.includes(core))
    const others = Math.max(0, busyTime(proxy) - this.#busy - cpu)
    return {
      ...(requests > 0 && { cpu: cpu / requests }),
      busy: cpu / duration / cores,
      ...(isAlone && { disturbed: others / time }),
      memory: this.#proxy.memory().proportional,
    }
  }
}
