import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export const STATIC = fileURLToPath(new URL('../../demo/static/main.ts', import.meta.url))
export const DYNAMIC = fileURLToPath(new URL('../../demo/dynamic/main.ts', import.meta.url))

/** A server of the lab in a separate process that ends with the test. */
export interface Program {
  child: ChildProcess
  name: string
  port: number
  url: string
  /** Resolves with the exit code, or null if a signal ended the process. */
  exit: Promise<number | null>
  stdout: Promise<string>
}

interface Listening {
  type: 'listening'
  address: string
  port: number
  name: string
}

/** Starts a program on a free loopback port and waits until it listens. */
export async function start(
  test: TestContext,
  path: string,
  name: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<Program> {
  const child = fork(path, {
    env: { ...process.env, ...environment, SERVER_NAME: name, HOST: '127.0.0.1', PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  test.after(() => {
    child.kill('SIGKILL')
    return exit
  })
  const stdout = text(child.stdout!)
  const [message] = (await once(child, 'message')) as [Listening]
  return { child, name: message.name, port: message.port, url: `http://127.0.0.1:${message.port}`, exit, stdout }
}

/** Runs a program that is expected to end by itself. */
export async function run(path: string, environment: Record<string, string>) {
  const child = spawn(process.execPath, [path], { env: { ...process.env, ...environment } })
  const [[code], stdout, stderr] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  return { code: code as number | null, stdout, stderr }
}
