import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { addressOf, docker, ROOT, untilAnswered } from './engine.ts'

/** What is mounted into the containers: the application of test/support, and the library that it needs. */
const MOUNTS = ['test/support', 'node_modules/ws'].flatMap((path) => [
  '--volume',
  `${join(ROOT, path)}:/app/${path}:ro`,
])

export interface Service {
  /** Its upstream; also its project in Compose. */
  readonly name: string
  /** For how long a container goes on after its stop signal, in ms. */
  readonly linger: number
  readonly labels?: Readonly<Record<string, string>>
  /** Further options of `docker run`. */
  readonly options?: readonly string[]
}

/** One container of a service after the other, as Compose recreates them: with the same number, and at another address. */
export class DyingContainer {
  readonly #service: Service
  readonly #number: number
  #id = ''

  constructor(test: TestContext, service: Service, number: number) {
    this.#service = service
    this.#number = number
    test.after(() => this.remove())
  }

  /** What Limpet calls it, and what it calls itself. */
  get name(): string {
    return `${this.#service.name}.web.${this.#number}`
  }

  get id(): string {
    return this.#id
  }

  /** Resolves once it has started; its program listens a little later. */
  async start(): Promise<void> {
    const { name, linger, labels, options = [] } = this.#service
    const all = {
      'for.limpet.test': 'E',
      'com.docker.compose.project': name,
      'com.docker.compose.service': 'web',
      'com.docker.compose.container-number': String(this.#number),
      'limpet.enable': 'true',
      'limpet.upstream': name,
      'limpet.port': '80',
      ...labels,
    }
    const labelled = Object.entries(all).flatMap(([label, value]) => ['--label', `${label}=${value}`])
    const command = ['node', '/app/test/support/dying-app.ts', this.name, '80', String(linger), '0.0.0.0']
    this.#id = await docker('run', '--detach', ...MOUNTS, ...labelled, ...options, 'node:26-bookworm-slim', ...command)
  }

  async listens(): Promise<void> {
    await untilAnswered(`http://${await addressOf(this.#id)}/`)
  }

  async stop(): Promise<void> {
    await docker('stop', this.#id)
  }

  /** Stops it, by force after that time in s, and starts it again. */
  async restart(patience = 10): Promise<void> {
    await docker('restart', '--time', String(patience), this.#id)
  }

  async remove(): Promise<void> {
    if (this.#id !== '') await docker('rm', '--force', this.#id)
    this.#id = ''
  }
}
