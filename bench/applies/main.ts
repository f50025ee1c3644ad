/** `npm run bench:applies`: what clients notice of many changes through the admin API. */
import { Command } from 'commander'
import { whole } from '../options.ts'
import { makeRunFolder } from '../run-folder.ts'
import { applyUnderLoad, type Service, type Size } from './trial.ts'

await new Command('npm run bench:applies --')
  .description('Applies many small changes through the admin API under load, and counts what clients notice.')
  .option('--routes <number>', 'routes', whole(1, 100_000), 10_000)
  .option('--web-sockets <number>', 'open WebSockets', whole(0, 10_000), 1000)
  .option('--applies <number>', 'changes', whole(1, 100_000), 1000)
  .option('--seconds <number>', 'the time over which they are spread', whole(1, 3600), 60)
  .option('--warm-up <seconds>', 'the time of load before it', whole(0, 600), 2)
  .action(run)
  .parseAsync()

async function run(size: Size): Promise<void> {
  const outcome = await applyUnderLoad(size, makeRunFolder())
  const {
    without,
    during,
    duringReloads,
    slowestReload,
    applied,
    slowestApply,
    lostWebSockets,
    memoryBefore,
    memoryAfter,
  } = outcome
  console.log(`${applied} of ${size.applies} changes applied, the slowest in ${slowestApply.toFixed(0)} ms`)
  console.log(`without: ${describe(without)}`)
  console.log(`during:  ${describe(during)}`)
  console.log(`whole file: ${describe(duringReloads)}; the slowest in ${slowestReload.toFixed(0)} ms`)
  console.log(
    `p99 during / without: ${(during.p99 / without.p99).toFixed(2)}; whole file: ${(duringReloads.p99 / without.p99).toFixed(2)}`,
  )
  console.log(`WebSockets lost: ${lostWebSockets} of ${size.webSockets}`)
  console.log(`memory: ${megabytes(memoryBefore)} before, ${megabytes(memoryAfter)} after`)
}

function describe({ requests, failed, p50, p99, spread }: Service): string {
  const times = `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`
  return `${requests} requests, ${failed} failed, ${times}, round robin uneven by ${spread}`
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MB`
}
