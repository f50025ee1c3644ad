import assert from 'node:assert/strict'
import { after } from 'node:test'
import { parse } from 'yaml'
import { adminOf } from './admin.ts'
import { type Limpet, type ServingLimpet, startLimpet } from './limpet.ts'

const endings: (() => unknown)[] = []
let started: Promise<Limpet> | undefined
let uses = 0

after(async () => {
  for (const end of endings) await end()
})

/**
 * Has the one Limpet of a test file take up a configuration, whose first listener is on a port: a start costs a third of a
 * second of processor time, more than most tests. Nothing is left of the configuration before, not even a session, since no
 * upstream of it stays; and its lines of the logs are not seen. For tests that run one after the other, need neither the
 * process nor its state directory, and set nothing that only a restart can change. It serves before its servers are checked,
 * where a start waits for the first checks.
 */
export async function sharedLimpet(config: string | object): Promise<ServingLimpet> {
  started ??= startLimpet({ after: (end: () => unknown) => endings.push(end) }, config)
  const limpet = await started
  if (uses++ === 0) return limpet
  const ask = await adminOf(limpet)
  const apply = async (next: string | object) => {
    const { status, body } = await ask('PUT', '/v1/config', next)
    assert.equal(status, 200, JSON.stringify(body))
  }
  const { workers } = typeof config === 'string' ? parse(config) : (config as { workers?: number })
  await apply({ ...nothing, ...(workers !== undefined && { workers }) })
  const log = limpet.log.later()
  const errors = limpet.errors.later()
  await apply(config)
  const { listeners } = (await ask('GET', '/v1/status')).body
  const { port } = listeners[0]
  return { port, url: `http://127.0.0.1:${port}`, log, errors }
}

/** Serves nobody. */
const nothing = {
  listeners: [{ address: '127.0.0.1', port: 0 }],
  accessLog: 'off',
  routes: [{ path: '/nothing', upstream: 'nobody' }],
  upstreams: { nobody: { servers: ['127.0.0.1:1'] } },
}
