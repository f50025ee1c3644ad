import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import type { Logger } from 'pino'
import { formatOrigin } from '../config/origin.ts'
import type { Balancer } from '../control/balancer.ts'
import { placeOf } from '../control/place.ts'
import { notify } from '../control/service-manager.ts'
import { Predecessor } from '../control/upgrade/predecessor.ts'
import { startWorkerThread } from '../control/worker-thread.ts'
import { explain } from './explain.ts'
import { type ConfigOptions, loadFromOptions, withConfigOptions } from './options.ts'
import { untilStopped } from './until-stopped.ts'

const NO_RELOAD = 'Limpet cannot reload its configuration yet, and keeps the current one; to apply another, restart'

/** How long a start may continue after a signal to stop, in ms. It may be waiting for first checks, and serves no client yet. */
const START_WITHIN = 1000

export function runCommand(): Command {
  return withConfigOptions(new Command('run'))
    .summary('run the load balancer')
    .description(
      'Runs the load balancer in the foreground, until TERM, INT or QUIT. USR1 reopens the access log; USR2 replaces the program.',
    )
    .action(run)
}

async function run(options: ConfigOptions): Promise<void> {
  const predecessor = await Predecessor.find()
  try {
    await runAfter(predecessor, options)
  } catch (error) {
    await predecessor?.failed(explain(error))
    throw error
  }
}

/** @param predecessor the process that this one replaces */
async function runAfter(predecessor: Predecessor | undefined, options: ConfigOptions): Promise<void> {
  // Starts the first worker thread early: it loads its modules while this thread loads the configuration.
  const firstThread = startWorkerThread(0)
  const { config, origin } = await loadFromOptions(options)
  const { programLog } = await import('../observability/program-log.ts')
  const { Balancer } = await import('../control/balancer.ts')
  const { log, close } = programLog(config.accessLog.format === 'json' ? 'json' : 'text')
  process.on('SIGHUP', () => log.warn(`SIGHUP: ${NO_RELOAD}`))
  let upgrade = () => log.warn('SIGUSR2: Limpet is starting, and the program is not replaced')
  process.on('SIGUSR2', () => upgrade())
  // The first worker serves while the others start.
  const stopped = untilStopped((signal) =>
    log.info(`${signal}: finishing requests in flight; send it again to end at once`),
  )
  const started = Balancer.start(config, log, firstThread, predecessor)
  const balancer = await Promise.race([started, stopped.then(() => setTimeout(START_WITHIN))])
  if (balancer === undefined) {
    await close()
    return process.exit()
  }
  for (const listener of balancer.listeners) log.info(`listening on ${placeOf(listener)}`)
  const { adminPlace } = balancer
  if (adminPlace !== undefined) log.info(`the admin API answers on ${adminPlace.address}:${adminPlace.port}`)
  log.info(`${balancer.workers} worker(s), configuration from ${formatOrigin(origin)}`)
  process.on('SIGUSR1', () => balancer.reopenLog())
  const warn = (message: string) => log.warn(message)
  await notify(['READY=1', `MAINPID=${process.pid}`], warn)
  predecessor?.ready()
  upgrade = () => void replace(balancer, log)
  await Promise.race([stopped.then(() => notify(['STOPPING=1'], warn)), balancer.replaced])
  await balancer.stop()
  await close()
  // A blocked standard stream must not keep the process alive.
  process.exit()
}

async function replace(balancer: Balancer, log: Logger): Promise<void> {
  try {
    const { pid } = await balancer.upgrade()
    log.info(`process ${pid} serves from now on; this one ends with its last connection`)
  } catch (error) {
    log.error(`${error instanceof Error ? error.message : error}; the program is not replaced, and goes on`)
  }
}
