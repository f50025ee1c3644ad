/** The same requests to Limpet and to nginx with its export. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Answer, type Ask, type FilterClient, type Got, http1Client } from '../support/filtered.ts'
import { type Limpet, startLimpet } from '../support/limpet.ts'
import { type Nginx, startNginx } from './nginx.ts'

/** Both programs on one configuration. */
export interface Both {
  readonly limpet: FilterClient
  readonly nginx: FilterClient
  readonly programs: { readonly limpet: Limpet; readonly nginx: Nginx }
}

/** A request, or the path of a GET. */
export type Asked = string | ({ readonly path: string } & Ask)

/**
 * Starts both. nginx is the slower one to become like Limpet, so what one of them has counted says nothing of the other.
 *
 * @param config without listeners
 */
export async function startBoth(t: TestContext, config: object, env: NodeJS.ProcessEnv = {}): Promise<Both> {
  const limpet = await startLimpet(t, { listeners: [{ address: '127.0.0.1', port: 0 }], ...config }, { env })
  const nginx = await startNginx(t, limpet.file)
  return { limpet: http1Client(t, limpet.port), nginx: http1Client(t, nginx.port), programs: { limpet, nginx } }
}

/** Asks both, one request after the other, and expects the same of each. */
export async function expectOfBoth<Seen>(
  both: Both,
  asked: readonly Asked[],
  see: (answer: Answer) => Seen,
  expected: readonly Seen[],
): Promise<void> {
  assert.deepEqual(await answersOf(both.limpet, asked, see), expected, 'Limpet')
  assert.deepEqual(await answersOf(both.nginx, asked, see), expected, 'nginx')
}

/** What is seen of each answer. */
export async function answersOf<Seen>(
  client: FilterClient,
  asked: readonly Asked[],
  see: (answer: Answer) => Seen,
): Promise<Seen[]> {
  const seen: Seen[] = []
  for (const each of asked) {
    const { path, ...ask } = typeof each === 'string' ? { path: each } : each
    seen.push(see(await client.ask(path, { host: 'www.test', ...ask })))
  }
  return seen
}

/** What the server of `mirrorOrigin` got. */
export function got({ body }: Answer): Got {
  return JSON.parse(body)
}

/** What a server of `mirrorOrigin` is asked to answer. */
export function answering(answer: Readonly<Record<string, string | number | readonly string[]>>) {
  return { 'X-Answer': JSON.stringify(answer) }
}
