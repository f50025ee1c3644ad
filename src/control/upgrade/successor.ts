import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { NamedCounts } from '../metrics/counts.ts'
import {
  type AdminSocket,
  FIRST_DESCRIPTOR,
  type Inheritance,
  type PredecessorMessage,
  type ServerState,
  type SuccessorMessage,
  UPGRADE_VARIABLE,
} from './inheritance.ts'

/** How long the new program may take until it serves, in ms. It waits for the first checks of servers for up to 10 s. */
const READY_WITHIN = 60_000
/** How long it may take to say which version it is, in ms. */
const VERSION_WITHIN = 20_000
/** How much of what it says on standard error is repeated, in characters. */
const TAIL = 2000

/** The new program does not come up. The message says why. */
export class UpgradeError extends Error {
  override readonly name = 'UpgradeError'
}

/** What is handed over, with this process's descriptors. */
export interface Estate extends Omit<Inheritance, 'admin' | 'metrics'> {
  readonly admin: AdminSocket | undefined
  readonly metrics: AdminSocket | undefined
}

/** The process that replaces this one: the same command, run by the program that is on the disk now. */
export class Successor {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  /**
   * Starts it, and resolves once it serves.
   *
   * @throws UpgradeError if it does not come up; then its process has ended
   */
  static async start(estate: Estate, signal: AbortSignal): Promise<Successor> {
    assertReplaceable()
    await assertLoads()
    const { stdio, inheritance } = handedOver(estate)
    const child = spawn(process.execPath, command(), { env: { ...process.env, [UPGRADE_VARIABLE]: '1' }, stdio })
    const successor = new Successor(child)
    try {
      await successor.#untilReady(inheritance, signal)
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
    // The channel still keeps this process, which has something to say at its end.
    child.unref()
    child.on('error', () => {})
    return successor
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** What was counted for the metrics since the last such message. */
  counts(counts: readonly NamedCounts[]): Promise<void> {
    return this.#send({ type: 'counts', counts })
  }

  /** The last message. Resolves once it has been sent, or cannot be. */
  async counted(servers: readonly ServerState[]): Promise<void> {
    await this.#send({ type: 'counted', servers })
    if (this.#child.connected) this.#child.disconnect()
  }

  #send(message: PredecessorMessage): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#child.connected) this.#child.send(message, () => resolve())
    else resolve()
    return promise
  }

  async #untilReady(inheritance: Inheritance, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const fail = (why: string) => reject(new UpgradeError(`the new program does not come up: ${why}`))
    this.#child.on('message', (message: SuccessorMessage) => {
      if (message.type === 'begun') void this.#send({ type: 'inheritance', inheritance })
      if (message.type === 'ready') resolve()
      if (message.type === 'failed') fail(message.message)
    })
    this.#child.once('error', (error) => fail(error.message))
    this.#child.once('exit', (code, by) => fail(`it ended ${by === null ? `with code ${code}` : `by ${by}`}`))
    const timer = setTimeout(() => fail(`it does not serve within ${READY_WITHIN / 1000} s`), READY_WITHIN)
    signal.addEventListener('abort', () => fail('this one is stopping'), { once: true })
    try {
      await promise
    } finally {
      clearTimeout(timer)
    }
  }
}

/** The arguments of Node.js; the path of the program may be a link to another one by now. */
function command(): string[] {
  return [...process.execArgv, ...process.argv.slice(1)]
}

function assertReplaceable(): void {
  if (process.pid !== 1) return
  const why = 'this is the first process of its container, which would end with it'
  throw new UpgradeError(`${why}; start a new container with the new program instead`)
}

/** Has the program that is on the disk print its version, to find out whether it can run at all. */
async function assertLoads(): Promise<void> {
  const args = [...process.execArgv, ...process.argv.slice(1, 2), '--version']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => {
    said = (said + bytes).slice(-TAIL)
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), VERSION_WITHIN)
  const [code] = await once(child, 'close').catch((error) => {
    throw new UpgradeError(`the new program cannot be started: ${error.message}`)
  })
  clearTimeout(timer)
  if (code !== 0)
    throw new UpgradeError(`the new program cannot be loaded: ${said.trim() || `it ended with code ${code}`}`)
}

/** The descriptors for the new process, and the inheritance with the numbers that it has for them. */
function handedOver({ sockets, admin, metrics, ...rest }: Estate): { stdio: StdioOptions; inheritance: Inheritance } {
  const descriptors: number[] = []
  const handed = <Socket extends { readonly descriptor: number }>(socket: Socket): Socket => ({
    ...socket,
    descriptor: FIRST_DESCRIPTOR + descriptors.push(socket.descriptor) - 1,
  })
  const inheritance = {
    ...rest,
    sockets: sockets.map(handed),
    ...(admin !== undefined && { admin: handed(admin) }),
    ...(metrics !== undefined && { metrics: handed(metrics) }),
  }
  return { stdio: ['inherit', 'inherit', 'inherit', 'ipc', ...descriptors], inheritance }
}
