/** Servers that are told to end, end, and come back at another address, one after the other or all at once, while their users ask and talk. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Asker, type Trouble, talk } from '../support/asker.ts'
import { Dice } from '../support/dice.ts'
import { seed } from '../support/seed.ts'
import { until } from '../support/until.ts'
import { AWAY, type Said, startWithSource } from './server-source.ts'

export interface Plan {
  /** The servers' names. */
  readonly names: readonly string[]
  /** How many rounds there are. */
  readonly replacements: number
  /** Whether all servers are replaced in each round, instead of one. */
  readonly isAllAtOnce?: true
  readonly users: number
  readonly websockets: number
  /** For how long a server that is told to end goes on as before, in ms; `killed`: it is killed instead. */
  readonly linger: number | 'killed'
}

/** A port of which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The application under one name: one process after the other, each at a port of its own. */
class App {
  readonly name: string
  readonly #linger: number
  #process: ChildProcess | undefined
  port = 0

  constructor(name: string, linger: Plan['linger']) {
    this.name = name
    this.#linger = linger === 'killed' ? 0 : linger
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Starts a process, which listens a little later. */
  async start(test: TestContext): Promise<void> {
    this.port = await freePort()
    const args = [this.name, String(this.port), String(this.#linger)]
    const process = fork(new URL('../support/dying-app.ts', import.meta.url), args)
    this.#process = process
    test.after(() => process.kill('SIGKILL'))
  }

  async listens(): Promise<void> {
    await once(this.#process!, 'message')
  }

  /** Resolves once the process has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.#process!, 'exit')
    this.#process!.kill(signal)
    await ended
  }
}

/** Runs the plan; returns what went wrong, and how the WebSockets were closed. */
export async function replaceDyingServers(test: TestContext, plan: Plan) {
  const { names, replacements, isAllAtOnce, users, websockets, linger } = plan
  const apps = names.map((name) => new App(name, linger))
  for (const app of apps) {
    await app.start(test)
    await app.listens()
  }
  const affinity = { type: 'cookie', secrets: ['the same secret in every replica'] }
  const servers = apps.map(({ name, address }) => ({ name, address }))
  const { port, says, watched } = await startWithSource(test, { affinity, queue: { timeout: '20s' } }, servers)
  const state: Record<string, Said> = Object.fromEntries(names.map((name) => [name, { returns: true }]))
  const say = async (some: readonly App[], saidOf: (app: App) => Said) => {
    for (const app of some) state[app.name] = saidOf(app)
    await says(state)
  }
  await says(state)

  const trouble: Trouble[] = []
  const refused: string[] = []
  const codes = new Set<number>()
  const stop = new AbortController()
  test.after(() => stop.abort())
  const askers = Array.from({ length: users }, (_, index) => new Asker(port, new Dice(seed + index)))
  await Promise.all(askers.map((asker) => asker.run(AbortSignal.abort(), trouble)))
  const homes = askers.map(({ server }) => server)
  const running = [
    ...askers.map((asker) => asker.run(stop.signal, trouble)),
    ...Array.from({ length: websockets }, () => talk(port, stop.signal, refused, codes)),
  ]
  for (let round = 0; round < replacements; round++) {
    const replaced = isAllAtOnce ? apps : [apps[round % apps.length]!]
    const ended = replaced.map((app) => app.end(linger === 'killed' ? 'SIGKILL' : 'SIGTERM'))
    // A killed one is known to have ended only afterwards.
    if (linger !== 'killed') await say(replaced, ({ name }) => ({ ...state[name], drain: true, ending: true }))
    await Promise.all(ended)
    await say(replaced, ({ address }) => ({ ...AWAY, address }))
    await pause(100)
    for (const app of replaced) await app.start(test)
    const listening = replaced.map((app) => app.listens())
    // As a container's start is known before its program listens.
    await say(replaced, ({ address }) => ({ returns: true, address }))
    await Promise.all(listening)
    const before = askers.map(({ answers }) => answers)
    await until(() => askers.every(({ answers }, index) => answers > before[index]!))
    await pause(300)
  }
  await pause(1000)
  stop.abort()
  await Promise.all(running)
  assert.deepEqual(
    askers.map(({ server }) => server),
    homes,
    'everyone is where they were',
  )
  assert.deepEqual(new Set(askers.map(({ cookies }) => cookies)), new Set([1]), 'nobody got another cookie')
  assert.deepEqual(refused, [])
  await watched.balancer.stop()
  return { trouble, codes }
}
