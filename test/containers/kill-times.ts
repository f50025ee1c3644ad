import { once } from 'node:events'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'

/** When the engine says that it has sent a signal to each container of an upstream, in ms since 1970. */
export async function killTimes(test: TestContext, upstream: string): Promise<ReadonlyMap<string, number>> {
  const filters = JSON.stringify({ event: ['kill'], label: [`limpet.upstream=${upstream}`] })
  const asked = request({
    socketPath: '/var/run/docker.sock',
    path: `/events?filters=${encodeURIComponent(filters)}`,
  }).end()
  asked.on('error', () => {})
  test.after(() => asked.destroy())
  const [response] = await once(asked, 'response')
  const times = new Map<string, number>()
  const lines = createInterface({ input: response })
  // It ends with the test, in the middle of an answer.
  lines.on('error', () => {})
  lines.on('line', (line) => {
    const { id, timeNano } = JSON.parse(line)
    times.set(id, timeNano / 1e6)
  })
  return times
}
