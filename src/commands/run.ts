import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import { formatOrigin } from '../config/origin.ts'
import { formatAdminPlace, placeOf } from '../control/place.ts'
import { startWorkerThread } from '../control/worker-thread.ts'
import { type ConfigOptions, loadFromOptions, withConfigOptions } from './options.ts'
import { untilStopped } from './until-stopped.ts'

const NO_RELOAD = 'Limpet cannot reload its configuration yet, and keeps the current one; to apply another, restart'
const NO_UPGRADE = 'Limpet cannot replace its own program yet, and keeps running; to upgrade, restart'

/** How long a start may continue after a signal to stop, in ms. It may be waiting for first checks, and serves no client yet. */
const START_WITHIN = 1000

export function runCommand(): Command {
  return withConfigOptions(new Command('run'))
    .summary('run the load balancer')
    .description('Runs the load balancer in the foreground, until TERM, INT or QUIT. USR1 reopens the access log.')
    .action(run)
}

async function run(options: ConfigOptions): Promise<void> {
  // Starts the first worker thread early: it loads its modules while this thread loads the configuration.
  const firstThread = startWorkerThread(0)
  const { config, origin } = await loadFromOptions(options)
  const { programLog } = await import('../observability/program-log.ts')
  const { Balancer } = await import('../control/balancer.ts')
  const { log, close } = programLog(config.accessLog.format === 'json' ? 'json' : 'text')
  process.on('SIGHUP', () => log.warn(`SIGHUP: ${NO_RELOAD}`))
  process.on('SIGUSR2', () => log.warn(`SIGUSR2: ${NO_UPGRADE}`))
  // The first worker serves while the others start.
  const stopped = untilStopped((signal) =>
    log.info(`${signal}: finishing requests in flight; send it again to end at once`),
  )
  const started = Balancer.start(config, log, firstThread)
  const balancer = await Promise.race([started, stopped.then(() => setTimeout(START_WITHIN))])
  if (balancer === undefined) {
    await close()
    return process.exit()
  }
  for (const listener of balancer.listeners) log.info(`listening on ${placeOf(listener)}`)
  const { adminPlace } = balancer
  if (adminPlace !== undefined) log.info(`the admin API answers on ${formatAdminPlace(adminPlace)}`)
  log.info(`${balancer.workers} worker(s), configuration from ${formatOrigin(origin)}`)
  process.on('SIGUSR1', () => balancer.reopenLog())
  await stopped
  await balancer.stop()
  await close()
  // A blocked standard stream must not keep the process alive.
  process.exit()
}
