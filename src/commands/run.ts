import { setTimeout } from 'node:timers/promises'
import { Command } from 'commander'
import { formatOrigin } from '../config/origin.ts'
import type { Config } from '../config/schema.ts'
import type { Balancer } from '../control/balancer.ts'
import { describeListener, formatAdminPlace, placeOf } from '../control/place.ts'
import { Predecessor } from '../control/upgrade/predecessor.ts'
import { notify } from '../control/upgrade/service-manager.ts'
import { startWorkerThread } from '../control/workers/worker-thread.ts'
import type { Log, Warn } from '../observability/log.ts'
import type { ProgramLogFormat } from '../observability/program-log.ts'
import { errorText } from './error-text.ts'
import { type ConfigOptions, loaderFor, withConfigOptions } from './options.ts'
import { untilStopped } from './until-stopped.ts'
import { watchFile } from './watch-file.ts'

/** How long a start that serves no client yet may continue after a signal to stop, in ms. It may be waiting for first checks. */
const START_WITHIN = 1000

interface RunOptions extends ConfigOptions {
  readonly watch?: boolean
}

export function runCommand(): Command {
  return withConfigOptions(new Command('run'))
    .option('--watch', 'apply the configuration file whenever it changes')
    .summary('run the load balancer')
    .description(
      'Runs the load balancer in the foreground, until TERM, INT or QUIT. HUP applies the changed configuration; USR1 reopens the access log; USR2 replaces the program.',
    )
    .action(run)
}

async function run(options: RunOptions): Promise<void> {
  const predecessor = await Predecessor.find()
  try {
    await runAfter(predecessor, options)
  } catch (error) {
    await predecessor?.failed(errorText(error))
    throw error
  }
}

/** @param predecessor the process that this one replaces */
async function runAfter(predecessor: Predecessor | undefined, { watch, ...options }: RunOptions): Promise<void> {
  // Starts the first worker thread early: it loads its modules while this thread loads the configuration.
  const firstThread = startWorkerThread(0)
  const load = await loaderFor(options, { areFilesRead: true })
  const { config, origin } = load()
  const { programLog } = await import('../observability/program-log.ts')
  const { Balancer } = await import('../control/balancer.ts')
  const { log, close } = programLog(logFormatOf(config))
  let upgrade = () =>
    log.warn('SIGUSR2: Limpet is starting, and the program is not replaced', {
      event: 'signal-ignored',
      signal: 'SIGUSR2',
    })
  process.on('SIGUSR2', () => upgrade())
  // The first worker serves while the others start.
  const stopped = untilStopped((signal) =>
    log.info(`${signal}: finishing requests in flight; send it again to end at once`, { event: 'stopping', signal }),
  )
  let mayServe = false
  const serving = () => {
    mayServe = true
  }
  const started = Balancer.start(
    { file: config, log, load: (instead) => load(instead).config, predecessor, serving },
    firstThread,
  )
  // What arrives during the start is done after it.
  process.on('SIGHUP', () => started.then((balancer) => reload(balancer, 'SIGHUP', log), ignore))
  const unlessItServes = async () => {
    await setTimeout(START_WITHIN)
    return mayServe ? started : undefined
  }
  const balancer = await Promise.race([started, stopped.then(unlessItServes)])
  if (balancer === undefined) {
    await close()
    return process.exit()
  }
  for (const listener of balancer.listeners)
    log.info(`listening on ${describeListener(listener)}`, { event: 'listening', listener: placeOf(listener) })
  const { adminPlace, metricsPlace } = balancer
  if (adminPlace !== undefined) {
    const place = formatAdminPlace(adminPlace)
    log.info(`the admin API answers on ${place}`, { event: 'admin-listening', place })
  }
  if (metricsPlace !== undefined) {
    const place = formatAdminPlace(metricsPlace)
    log.info(`metrics are served on ${place}`, { event: 'metrics-listening', place })
  }
  const { workers } = balancer
  const from = formatOrigin(origin)
  log.info(`${workers} worker(s), configuration from ${from}`, { event: 'started', workers, origin: from })
  process.on('SIGUSR1', () => balancer.reopenLog())
  if (watch === true && origin.file !== undefined) watchFile(origin.file, () => reload(balancer, '--watch', log))
  const warn: Warn = (...warning) => log.warn(...warning)
  // Before anyone is told that it is ready. The log says what comes of it.
  upgrade = () => void balancer.upgrade().catch(ignore)
  await notify(['READY=1', `MAINPID=${process.pid}`], warn)
  predecessor?.ready()
  await Promise.race([stopped.then(() => notify(['STOPPING=1'], warn)), balancer.replaced])
  await balancer.stop()
  await close()
  // A blocked standard stream must not keep the process alive.
  process.exit()
}

function logFormatOf({ log, accessLog }: Config): ProgramLogFormat {
  if (log !== undefined && log.format !== 'auto') return log.format
  if (process.stderr.isTTY) return 'text'
  return log !== undefined || accessLog.format === 'json' ? 'json' : 'text'
}

/** Applies what the file says by now, or logs everything that is wrong with it. */
async function reload(balancer: Balancer, cause: string, log: Log): Promise<void> {
  try {
    const { changes } = await balancer.reload()
    if (changes.length === 0 && cause !== '--watch')
      log.info(`${cause}: the configuration has not changed`, { event: 'unchanged', by: cause })
  } catch (error) {
    log.error(`${cause}: the configuration stays as it is`, { event: 'reload-refused', by: cause })
    for (const line of (error as Error).message.split('\n')) log.error(line, { event: 'config-problem', by: cause })
  }
}

function ignore(): void {}
