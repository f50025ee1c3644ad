import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { printable } from '../protocol/problem.ts'

/** How long the command may take, in ms. */
const PATIENCE = 120_000
/** How much of what it says is kept, in characters. */
const TAIL = 500

export interface DnsSettings {
  /** The program and its first arguments. */
  readonly command: readonly string[]
  /** How long DNS servers may take to have the record once the command has ended, in ms. */
  readonly wait: number
}

/** The command that sets records in the DNS has failed. */
export class DnsHookError extends Error {
  override readonly name = 'DnsHookError'
}

/**
 * Sets and removes TXT records by the operator's command. It is called as `COMMAND… set NAME VALUE` and `COMMAND… remove NAME
 * VALUE`.
 */
export class DnsHook {
  readonly #settings: DnsSettings

  constructor(settings: DnsSettings) {
    this.#settings = settings
  }

  /**
   * Sets a record, and resolves to a function that removes it.
   *
   * @param name such as `_acme-challenge.example.org`
   * @throws DnsHookError
   */
  async set(name: string, value: string, signal: AbortSignal): Promise<() => Promise<void>> {
    await this.#run('set', name, value)
    const remove = () => this.#run('remove', name, value)
    try {
      await sleep(this.#settings.wait, undefined, { signal })
    } catch (error) {
      await remove()
      throw error
    }
    return remove
  }

  async #run(verb: 'set' | 'remove', name: string, value: string): Promise<void> {
    const [program, ...first] = this.#settings.command
    const child = spawn(program!, [...first, verb, name, value], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: PATIENCE,
      killSignal: 'SIGKILL',
    })
    let said = ''
    child.stderr.on('data', (bytes: Buffer) => {
      said = (said + bytes).slice(-TAIL)
    })
    const words = `the command for DNS records (${this.#settings.command.join(' ')} ${verb} ${name} …)`
    let code: number | null
    let by: string | null
    try {
      ;[code, by] = await once(child, 'close')
    } catch (error) {
      throw new DnsHookError(`${words} cannot be started: ${(error as Error).message}`)
    }
    if (code === 0) return
    const end = by === null ? `with code ${code}` : by === 'SIGKILL' ? `after ${PATIENCE / 1000} s` : `by ${by}`
    throw new DnsHookError(`${words} ended ${end}${said.trim() === '' ? '' : `: ${printable(said)}`}`)
  }
}
