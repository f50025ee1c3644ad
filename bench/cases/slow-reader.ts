import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { Case, Load } from '../case.ts'
import { answers } from '../origin.ts'
import { browserHeaders } from '../request-headers.ts'
import { labSite, likes } from './lab.ts'

const PATH = '/100MB'
/** The client's read rate, in bytes per ms. The origin could send a hundred times as fast. */
const PACE = 25_000
const SAMPLE_EVERY = 50

const readSlowly: Load = {
  probe: { method: 'GET', path: PATH, bodyLength: 0, answerLength: answers[PATH] },
  async run({ port, proxy }) {
    const before = proxy?.resident() ?? 0
    let peak = before
    const sampler = setInterval(() => {
      peak = Math.max(peak, proxy?.resident() ?? 0)
    }, SAMPLE_EVERY)
    try {
      const request = get({ port, host: '127.0.0.1', path: PATH, headers: browserHeaders, agent: false })
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      const received = await atPace(response)
      const complete = received === answers[PATH] && response.statusCode === 200
      const errors = complete ? [] : [`${received} bytes with status ${response.statusCode}`]
      return { sample: proxy === undefined ? {} : { growth: peak - before, memory: peak }, errors }
    } finally {
      clearInterval(sampler)
    }
  },
}

/** Resolves to the number of bytes in the body. */
async function atPace(response: IncomingMessage): Promise<number> {
  let received = 0
  const startedAt = performance.now()
  response.on('data', (bytes: Buffer) => {
    received += bytes.length
    const ahead = received / PACE - (performance.now() - startedAt)
    if (ahead < 1) return
    response.pause()
    setTimeout(() => response.resume(), ahead)
  })
  await once(response, 'end')
  return received
}

export const slowReader: Case = {
  name: 'slow-reader',
  title: '100 MB to a client that reads 25 MB/s',
  peers: likes,
  metrics: ['growth', 'memory'],
  variants: [{ name: '', site: labSite, load: readSlowly }],
  duration: () => 5,
}
