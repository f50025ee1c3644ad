import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { LIMPET, Lines } from './limpet.ts'

/** `limpet demo`, as a newcomer runs it; it ends with the test. */
export interface Demo {
  /** Where the site is. */
  readonly url: string
  /** Where the admin API is. */
  readonly admin: string
  /** Signs a browser in to the dashboard, once. */
  readonly link: string
  readonly output: Lines
  /** Presses Ctrl-C; resolves to the exit code. */
  stop(): Promise<number | null>
}

/** Starts it on a free port; resolves once it serves. */
export async function startDemo(
  t: TestContext,
  stateDirectory: string,
  flags: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<Demo> {
  const places = { STATE_DIRECTORY: stateDirectory, RUNTIME_DIRECTORY: stateDirectory, PORT: '' }
  const env = { ...process.env, ...places, ...environment }
  const args = [LIMPET, 'demo', '--port', '0', ...flags]
  const demo = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const exit = once(demo, 'exit').then(([code]) => code as number | null)
  const stop = () => {
    demo.kill('SIGINT')
    return exit
  }
  t.after(stop)
  new Lines(demo.stderr)
  const output = new Lines(demo.stdout)
  const [, url] = await output.find(/^Open +(\S+)\/$/)
  const [link] = await output.find(/http:\/\/127\.0\.0\.1:\d+\/sign-in\?code=\S+/)
  return { url: url!, admin: new URL(link!).origin, link: link!, output, stop }
}
