import { once } from 'node:events'
import type { TestContext } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { pino } from 'pino'
import { parseConfig } from '../../src/config/file.ts'
import { Balancer } from '../../src/control/balancer.ts'
import { temporaryFolder } from './folder.ts'

/** A balancer in this process, whose workers can be terminated. It stops with the test. */
export async function startBalancer(test: TestContext, config: string) {
  // No other Limpet of this machine has its socket there.
  process.env.RUNTIME_DIRECTORY = await temporaryFolder(test)
  const workers: Worker[] = []
  const note = (worker: Worker) => workers.push(worker)
  process.on('worker', note)
  const messages: string[] = []
  const log = pino({ base: null }, { write: (line) => messages.push(JSON.parse(line).msg) })
  const balancer = await Balancer.start({ file: parseConfig(config, 'test', {}), log })
  test.after(async () => {
    process.off('worker', note)
    await balancer.stop()
  })
  return { balancer, workers, messages }
}

/** Terminates a worker, and resolves once the one that replaces it is ready. */
export async function replace(worker: Worker): Promise<void> {
  const replaced = once(process, 'worker')
  await worker.terminate()
  const [successor] = (await replaced) as [Worker]
  await once(successor, 'message')
}
