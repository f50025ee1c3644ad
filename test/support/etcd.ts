import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { freePort } from '../../bench/free-port.ts'
import { temporaryFolder } from './folder.ts'
import { missing } from './tool.ts'
import { until } from './until.ts'

/** A test that needs etcd. Without it, the test is reported as skipped. */
export function testWithEtcd(name: string, body: (test: TestContext) => Promise<void>): void {
  const reason = missing('etcd', 'etcd-server')
  test(name, reason === false ? {} : { skip: reason }, body)
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

interface Member {
  readonly args: readonly string[]
  readonly url: string
}

interface Wish {
  /** Default: one. */
  readonly members?: number
  readonly args?: readonly string[]
}

/** What etcd answers, as far as tests read it. */
interface Answer {
  readonly header?: { readonly revision: string }
  readonly ID?: string
  readonly token?: string
}

/** etcd in a folder of its own, on ports of this machine. Ends with the test. */
export class Etcd {
  /** Of each member. */
  readonly urls: readonly string[]
  readonly #members: readonly Member[]
  readonly #processes: (ChildProcess | undefined)[]

  private constructor(members: readonly Member[]) {
    this.#members = members
    this.urls = members.map(({ url }) => url)
    this.#processes = members.map(() => undefined)
  }

  static async start(test: TestContext, { members: count = 1, args = [] }: Wish = {}): Promise<Etcd> {
    const folder = await temporaryFolder(test)
    const ports = await Promise.all(Array.from({ length: count * 2 }, () => freePort()))
    const names = Array.from({ length: count }, (_, index) => `m${index}`)
    const peer = (index: number) => `http://127.0.0.1:${ports[count + index]}`
    const members = names.map((name, index): Member => {
      const url = `http://127.0.0.1:${ports[index]}`
      const settings = {
        name,
        'data-dir': join(folder, name),
        'listen-client-urls': url,
        'advertise-client-urls': url,
        'listen-peer-urls': peer(index),
        'initial-advertise-peer-urls': peer(index),
        'initial-cluster': names.map((each, at) => `${each}=${peer(at)}`).join(','),
      }
      return { url, args: [...Object.entries(settings).map(([key, value]) => `--${key}=${value}`), ...args] }
    })
    const etcd = new Etcd(members)
    test.after(() => Promise.all(members.map((_, index) => etcd.end(index))))
    await Promise.all(members.map((_, index) => etcd.begin(index)))
    return etcd
  }

  get url(): string {
    return this.urls[0]!
  }

  /** Starts a member that has ended, and waits until it is healthy. */
  async begin(index = 0): Promise<void> {
    const { args, url } = this.#members[index]!
    const running = spawn('etcd', args, { stdio: 'ignore' })
    this.#processes[index] = running
    const isHealthy = () =>
      fetch(`${url}/health`).then(
        async (answer) => answer.ok && ((await answer.json()) as { health?: string }).health === 'true',
        () => false,
      )
    await until(() => {
      if (running.exitCode !== null) throw new Error(`etcd ended with code ${running.exitCode}`)
      return running.signalCode !== null || isHealthy()
    }, 50)
  }

  async end(index = 0): Promise<void> {
    const running = this.#processes[index]
    this.#processes[index] = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    running.kill('SIGKILL')
    await once(running, 'exit')
  }

  put(key: string, value: string | object, lease?: string) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return this.call('kv/put', { key: base64(key), value: base64(text), ...(lease !== undefined && { lease }) })
  }

  /** Once users are demanded. */
  async putAsRoot(key: string, value: string): Promise<void> {
    const { token } = await this.call('auth/authenticate', { name: 'root', password: 'root' })
    await this.call('kv/put', { key: base64(key), value: base64(value) }, token)
  }

  /** Puts all of them at once. */
  putAll(entries: readonly (readonly [string, string])[]) {
    const success = entries.map(([key, value]) => ({ requestPut: { key: base64(key), value: base64(value) } }))
    return this.call('kv/txn', { success })
  }

  delete(key: string) {
    return this.call('kv/deleterange', { key: base64(key) })
  }

  /** Everything before the present is forgotten. */
  async compact(): Promise<void> {
    const { header } = await this.call('kv/range', { key: base64('any') })
    await this.call('kv/compaction', { revision: header!.revision, physical: true })
  }

  /** A lease of that many seconds. */
  async lease(seconds: number): Promise<string> {
    const { ID } = await this.call('lease/grant', { TTL: seconds })
    return ID!
  }

  /** Only users may ask, and read only keys in that range. */
  async demandUsers(users: Readonly<Record<string, string>>, from: string, to: string): Promise<void> {
    await this.call('auth/role/add', { name: 'reader' })
    const perm = { permType: 'READ', key: base64(from), range_end: base64(to) }
    await this.call('auth/role/grant', { name: 'reader', perm })
    for (const [name, password] of Object.entries({ root: 'root', ...users })) {
      await this.call('auth/user/add', { name, password })
      await this.call('auth/user/grant', { user: name, role: name === 'root' ? 'root' : 'reader' })
    }
    await this.call('auth/enable', {})
  }

  /** Calls the JSON gateway of the first member that runs. */
  async call(path: string, body: object, token?: string): Promise<Answer> {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: token }
    const living = this.#processes.findIndex((process) => process !== undefined)
    const answer = await fetch(`${this.urls[living]}/v3/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    if (!answer.ok) {
      const reason = await answer.text()
      // The others choose a leader first, where it was the leader that has ended.
      if (isWithoutLeader(reason)) return this.call(path, body, token)
      throw new Error(`etcd: ${reason}`)
    }
    return (await answer.json()) as Answer
  }
}

function isWithoutLeader(reason: string): boolean {
  return /request timed out|leader changed|no leader/.test(reason)
}
