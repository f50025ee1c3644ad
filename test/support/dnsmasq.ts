import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freeDnsPort } from './dns-sockets.ts'
import { temporaryFolder } from './folder.ts'
import { Lines } from './limpet.ts'
import { missing } from './tool.ts'

/** Why tests with dnsmasq are skipped; false if it is there. */
export const withoutDnsmasq = missing('dnsmasq', 'dnsmasq-base')

const READ = /read .*hosts/

/** A real DNS server on a loopback port, with zones of its own: `example.org` and `local.test`. */
export class Dnsmasq {
  port = 0
  readonly #folder: string
  #records: readonly string[] = []
  #process: ChildProcess | undefined
  #log: Lines | undefined

  private constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * Ends with the test.
   *
   * @param hosts lines of a hosts file: `10.0.0.1 app.example.org`
   * @param records lines of its configuration: `srv-host=_http._tcp.app.example.org,one.example.org,80,0,1`
   */
  static async start(test: TestContext, hosts: readonly string[], records: readonly string[] = []): Promise<Dnsmasq> {
    const dnsmasq = new Dnsmasq(await temporaryFolder(test))
    test.after(() => dnsmasq.stop())
    await dnsmasq.#write(hosts)
    for (;;) {
      dnsmasq.port = await freeDnsPort()
      try {
        await dnsmasq.restart(records)
        return dnsmasq
      } catch (error) {
        // Another program has that port for TCP, or was faster.
        if (!/in use/.test((error as Error).message)) throw error
      }
    }
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Has it read other addresses; resolves once it has. */
  async serve(hosts: readonly string[]): Promise<void> {
    await this.#write(hosts)
    const read = this.#log!.all.filter((line) => READ.test(line)).length
    this.#process!.kill('SIGHUP')
    await this.#log!.matching(READ, read + 1)
  }

  /** Starts it, with other records if there are any. */
  async restart(records = this.#records): Promise<void> {
    await this.stop()
    this.#records = records
    const child = spawn('dnsmasq', [
      '--keep-in-foreground',
      '--log-facility=-',
      '--conf-file=/dev/null',
      `--port=${this.port}`,
      '--listen-address=127.0.0.1',
      '--bind-interfaces',
      '--user=root',
      '--pid-file=',
      '--no-resolv',
      '--no-hosts',
      `--addn-hosts=${join(this.#folder, 'hosts')}`,
      '--local=/example.org/',
      '--local=/local.test/',
      ...records.map((record) => `--${record}`),
    ])
    this.#process = child
    this.#log = new Lines(child.stderr!)
    const ended = once(child, 'close').then(() => {
      throw new Error(`dnsmasq has ended: ${this.#log?.all.join('; ')}`)
    })
    await Promise.race([this.#log.find(READ), ended])
    ended.catch(() => undefined)
  }

  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  async #write(hosts: readonly string[]): Promise<void> {
    await writeFile(join(this.#folder, 'hosts'), `${hosts.join('\n')}\n`)
  }
}
