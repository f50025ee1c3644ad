import { withCookieNames } from '../../config/cookie-names.ts'
import { instanceOf } from '../../config/instance.ts'
import type { Config } from '../../config/schema.ts'
import { keepsState } from '../sessions/kept-sessions.ts'
import type { StateDirectory } from './state-directory.ts'

/** The file that says under which name an instance goes on whose listeners were changed while it ran. */
const FILE = 'instances.json'

/**
 * The name of the instance in this run. Without one of its own, an instance is named after its listeners; if these change
 * while it runs, it keeps its name, on which cookies and kept sessions depend, and the next run finds it in the state directory.
 */
export class RunInstance {
  readonly #state: StateDirectory
  readonly #name: string
  /** Whether the operator has set the name. */
  #isSet: boolean

  /**
   * @param config the first one of the run
   * @param inherited the name of the run that this one continues, if there is one
   */
  constructor(config: Config, state: StateDirectory, inherited?: string) {
    const standard = instanceOf(config)
    this.#state = state
    this.#isSet = config.instance !== undefined
    this.#name = this.#isSet ? standard : (inherited ?? this.#aliases()[standard] ?? standard)
  }

  /** The configuration with the name of the run, where it would otherwise get one from other listeners. */
  name(config: Config): Config {
    const isSet = config.instance !== undefined || this.#isSet
    const instance = isSet ? instanceOf(config) : this.#name
    return instance === instanceOf(config) ? config : withCookieNames({ ...config, instance }, config)
  }

  /** Sees to it that the next run with that configuration, which is in effect now, has the same name. */
  keep(config: Config): void {
    this.#isSet = config.instance !== undefined
    const standard = instanceOf(config)
    const aliases = this.#aliases()
    if (this.#isSet || !keepsState(config) || (aliases[standard] ?? standard) === this.#name) return
    const { [standard]: _, ...others } = aliases
    const next = standard === this.#name ? others : { ...others, [standard]: this.#name }
    this.#state.write(FILE, Buffer.from(`${JSON.stringify(next, undefined, 2)}\n`))
    if ((this.#aliases()[standard] ?? standard) === this.#name) return
    const effect = 'else the next run has another name, and loses sessions and cookies of this one'
    this.#state.warn(
      `the listeners have changed, and the name of the instance has not: set instance: ${this.#name}; ${effect}`,
      { event: 'instance-unnamed', instance: this.#name },
    )
  }

  /** By the names that come of listeners. */
  #aliases(): Readonly<Record<string, string>> {
    // Without a directory there is nothing to warn of.
    if (!this.#state.holds(FILE)) return {}
    try {
      const found: unknown = JSON.parse(this.#state.read(FILE)?.toString() ?? '{}')
      return Object.fromEntries(Object.entries(found as object).filter(([, name]) => typeof name === 'string'))
    } catch {
      const file = this.#state.pathOf(FILE)
      this.#state.warn(`${file} cannot be understood, and is not used`, { event: 'state-not-understood', file })
      return {}
    }
  }
}
