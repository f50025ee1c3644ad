import { Command, InvalidArgumentError, Option } from 'commander'
import type { Config } from '../config/schema.ts'
import { isUnixSocket, parseUnixSocket } from '../config/unix-socket.ts'
import { printable } from '../runtime/printable.ts'
import { withExamples } from './admin-options.ts'
import { CommandFailure } from './command-failure.ts'
import { countOf } from './count.ts'
import { inWords } from './discover/in-words.ts'
import { ListServer } from './discover/list-server.ts'
import { ListWriter } from './discover/list-writer.ts'
import { serverLists } from './discover/server-lists.ts'
import { FIRST_ANSWER, type Sighting, Sightings } from './discover/sightings.ts'
import { errorText } from './error-text.ts'
import { printJson } from './json.ts'
import { type ConfigOptions, dockerOption, loadFromOptions } from './options.ts'
import { untilStopped } from './until-stopped.ts'

interface DiscoverOptions extends ConfigOptions {
  readonly json?: true
  readonly watch?: true
  readonly serve?: string
  readonly upstream?: string
  readonly mode: number
}

/** How long news are gathered before they are shown or handed on, in ms. */
const GATHER = 20
/** When to try again to hand them on, where that failed, in ms. */
const AGAIN = 1000

/** `limpet discover`: what sources see, and a process that only looks, and hands on what it sees. */
export function discoverCommand(): Command {
  const command = new Command('discover')
    .summary('show the servers that sources find, or hand them on')
    .description(
      'Asks each source of the configuration what it sees now, and shows the servers, the routes that labels describe, and what is wrong. Exits with 1 where a source fails. With --serve, it goes on until it is stopped, and hands the servers on.',
    )
    .option('-c, --config <file>', 'the configuration file (default: LIMPET_CONFIG, limpet.yaml, …)')
    .option(...dockerOption)
    .option('--json', 'print JSON')
    .addOption(new Option('--watch', 'go on, and show everything again after each change').conflicts('serve'))
    .option('--serve <place>', 'write the list to this file, or answer it on this socket (unix:/path)')
    .option('--upstream <name>', 'only the sources of this upstream')
    .addOption(
      new Option('--mode <mode>', 'who may read what --serve hands on, in octal')
        .argParser(modeArgument)
        .default(0o600, '0600'),
    )
    .action(discover)
  return withExamples(
    command,
    'limpet discover -c limpet.yaml',
    'limpet discover --docker',
    'limpet discover --serve unix:/run/limpet/servers.sock',
  )
}

async function discover({ json, watch, serve, upstream, mode, ...options }: DiscoverOptions): Promise<void> {
  const { config } = await loadFromOptions(options)
  const concerned = upstream === undefined ? config : ofUpstream(config, upstream)
  const end = new AbortController()
  // The watchers of files do not keep the process alive.
  const alive = setInterval(() => {}, 60_000)
  try {
    const place = serve === undefined ? undefined : await placeFor(serve, mode, concerned)
    if (place === undefined && !watch) await showOnce(concerned, json, end.signal)
    else await goOn(concerned, place ?? { show: shower(json) }, end.signal)
    await place?.close?.()
  } finally {
    end.abort()
    clearInterval(alive)
  }
}

/** Where it is shown what sources see. */
interface Place {
  report?(sightings: readonly Sighting[]): void
  show(sightings: readonly Sighting[]): void
  close?(): Promise<void>
}

async function showOnce(config: Config, json: true | undefined, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const sightings = new Sightings(() => {
    if (sightings.isComplete) resolve()
  }, signal)
  const timer = setTimeout(() => sightings.endWaiting(), FIRST_ANSWER)
  await sightings.watch(config)
  await promise
  clearTimeout(timer)
  shower(json)(sightings.all)
  if (sightings.all.some(({ state }) => state === 'failing')) process.exitCode = 1
}

/** Shows what sources see whenever it is something else, until the process is stopped. */
async function goOn(config: Config, place: Place, signal: AbortSignal): Promise<void> {
  let gathering: NodeJS.Timeout | undefined
  let isFailing = false
  const showIn = (milliseconds: number) => {
    gathering ??= setTimeout(show, milliseconds)
  }
  const show = () => {
    gathering = undefined
    try {
      place.report?.(sightings.all)
      place.show(sightings.all)
      isFailing = false
    } catch (error) {
      // Such as a full disk, which may have room later.
      if (!isFailing) console.error(errorText(error))
      isFailing = true
      showIn(AGAIN)
    }
  }
  const sightings = new Sightings(() => showIn(GATHER), signal)
  const stopped = untilStopped(() => clearTimeout(gathering))
  await sightings.watch(config)
  await stopped
}

function shower(json: true | undefined): Place['show'] {
  return (sightings) => {
    if (json) printJson({ sources: sightings.map(({ hasAnswered: _, ...sighting }) => sighting) })
    else console.log(inWords(sightings))
  }
}

async function placeFor(written: string, mode: number, { upstreams }: Config): Promise<Place> {
  const reported = new Map<string, string>()
  const report = (sightings: readonly Sighting[]) => {
    for (const { name, state, error, servers } of sightings) {
      const says = state === 'ok' ? `${name}: ${countOf(servers.length, 'server')}` : `${name} fails: ${error}`
      if (state === 'waiting' || reported.get(name) === says) continue
      console.error(printable(says))
      reported.set(name, says)
    }
  }
  if (!isUnixSocket(written)) return { ...fileAt(written, mode, upstreams), report }
  const server = await ListServer.start(parseUnixSocket(written), mode)
  console.error(`serving lists at ${written}`)
  return { show: (sightings) => server.serve(serverLists(sightings)), close: () => server.close(), report }
}

/** A file holds the list of one upstream. */
function fileAt(path: string, mode: number, upstreams: Config['upstreams']): Place {
  const writer = new ListWriter(path, mode)
  const oneOf = (names: readonly string[]) => {
    if (names.length < 2) return
    throw new CommandFailure(
      `a file holds the list of one upstream, and there are ${names.join(', ')}: name one with --upstream`,
    )
  }
  oneOf(upstreams.flatMap(({ name, sources }) => (sources.length === 0 ? [] : [name])))
  return {
    show: (sightings) => {
      const lists = serverLists(sightings)
      oneOf([...lists.keys()])
      for (const list of lists.values()) writer.write(list)
    },
  }
}

function ofUpstream(config: Config, name: string): Config {
  const upstreams = config.upstreams.filter((upstream) => upstream.name === name)
  // Labels may describe it.
  if (upstreams.length === 0 && config.discovery === undefined) throw new CommandFailure(`there is no upstream ${name}`)
  return { ...config, upstreams }
}

/** Files are read, and sockets are written to, so any permissions make sense. */
function modeArgument(written: string): number {
  if (/^0?[67][0-7]{2}$/.test(written)) return Number.parseInt(written, 8)
  throw new InvalidArgumentError('expected octal permissions that let the owner read and write, such as 0644')
}
