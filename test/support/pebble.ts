import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { TestAuthority } from './certificates.ts'
import { temporaryFolder } from './folder.ts'
import { answers } from './port.ts'

/** A test that needs Pebble. Without it, the test is reported as skipped. */
export function testWithPebble(name: string, body: (test: TestContext) => Promise<void>): void {
  const isMissing = ['pebble', 'pebble-challtestsrv'].some((each) => spawnSync(each, ['-help']).error !== undefined)
  test(name, isMissing ? { skip: 'Pebble is not installed (apt-get install pebble)' } : {}, body)
}

interface Options {
  /** Where Pebble looks for answers to HTTP-01 and TLS-ALPN-01 challenges. */
  readonly httpPort: number
  readonly tlsPort: number
  /** Shared keys of external accounts, by key id, in base64url; without one of them, it registers no account. */
  readonly externalAccounts?: Readonly<Record<string, string>>
  /** Pebble's own settings, such as PEBBLE_WFE_NONCEREJECT. */
  readonly env?: NodeJS.ProcessEnv
  /** The port of its API. Default: a free one. */
  readonly port?: number
}

/**
 * Pebble, the ACME server that Let's Encrypt tests clients with, and pebble-challtestsrv, which answers its DNS questions: every
 * name has the address 127.0.0.1. Both end with the test.
 */
export class Pebble {
  /** The URL of its directory. */
  readonly directory: string
  /** The path of the file with the certificate that its API is to be trusted by. */
  readonly ca: string
  /** The same as PEM. */
  readonly caPem: string
  readonly port: number
  #process: ChildProcess
  readonly #start: () => ChildProcess
  readonly #management: string
  readonly #dnsManagement: string

  private constructor(
    start: () => ChildProcess,
    ports: { readonly api: number; readonly management: number; readonly dnsManagement: number },
    ca: string,
    caPem: string,
  ) {
    this.#start = start
    this.#process = start()
    this.port = ports.api
    this.directory = `https://127.0.0.1:${ports.api}/dir`
    this.ca = ca
    this.caPem = caPem
    this.#management = `https://127.0.0.1:${ports.management}`
    this.#dnsManagement = `http://127.0.0.1:${ports.dnsManagement}`
  }

  static async start(test: TestContext, { httpPort, tlsPort, externalAccounts, env, port }: Options): Promise<Pebble> {
    const folder = await temporaryFolder(test)
    const authority = await TestAuthority.create()
    const { cert, key } = await authority.issue(['127.0.0.1'])
    const files = { certificate: join(folder, 'cert.pem'), privateKey: join(folder, 'key.pem') }
    const ca = join(folder, 'ca.pem')
    const [api = 0, management = 0, dns = 0, dnsManagement = 0] = [
      port ?? (await freePort()),
      await freePort(),
      await freePort(),
      await freePort(),
    ]
    const pebble = {
      listenAddress: `127.0.0.1:${api}`,
      managementListenAddress: `127.0.0.1:${management}`,
      ...files,
      httpPort,
      tlsPort,
      externalAccountBindingRequired: externalAccounts !== undefined,
      ...(externalAccounts !== undefined && { externalAccountMACKeys: externalAccounts }),
    }
    const config = join(folder, 'pebble.json')
    await writeFile(files.certificate, cert)
    await writeFile(files.privateKey, key)
    await writeFile(ca, authority.ca)
    await writeFile(config, JSON.stringify({ pebble }))
    const none = ['-http01', '', '-https01', '', '-tlsalpn01', '', '-defaultIPv6', '']
    const places = ['-dns01', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${dnsManagement}`]
    start(test, 'pebble-challtestsrv', [...none, ...places], {})
    const settings = { PEBBLE_VA_NOSLEEP: '1', PEBBLE_AUTHZREUSE: '0', PEBBLE_WFE_NONCEREJECT: '0', ...env }
    const args = ['-config', config, '-dnsserver', `127.0.0.1:${dns}`]
    const run = () => start(test, 'pebble', args, settings)
    const started = new Pebble(run, { api, management, dnsManagement }, ca, authority.ca)
    await Promise.all([answers(api), answers(management), answers(dnsManagement)])
    return started
  }

  /** The certificate that those trust who trust what it issues, as PEM. */
  async root(): Promise<string> {
    const sent = request(`${this.#management}/roots/0`, { ca: this.caPem }).end()
    const [response] = await once(sent, 'response')
    return text(response)
  }

  /** Sets a record: `set-txt`, `clear-txt`, `add-a`, `add-caa`, `set-servfail`, as pebble-challtestsrv documents them. */
  async dns(action: string, record: object): Promise<void> {
    const answer = await fetch(`${this.#dnsManagement}/${action}`, { method: 'POST', body: JSON.stringify(record) })
    if (!answer.ok) throw new Error(`pebble-challtestsrv: ${await answer.text()}`)
  }

  /** The URL at which records are set. */
  get dnsUrl(): string {
    return this.#dnsManagement
  }

  /** Restarts Pebble on the same ports; everything that it knew is lost. */
  async restart(): Promise<void> {
    this.#process.kill('SIGKILL')
    await once(this.#process, 'exit')
    this.#process = this.#start()
    await answers(this.port)
  }
}

function start(test: TestContext, program: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'ignore' })
  const exit = once(child, 'exit')
  test.after(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return child
}
