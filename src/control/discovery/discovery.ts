import { isDeepStrictEqual } from 'node:util'
import { instanceOf } from '../../config/instance.ts'
import type { Config } from '../../config/schema.ts'
import type { Server } from '../../config/server.ts'
import { returnsWithin, type Source, serverDefaults } from '../../config/source.ts'
import type { Landscape, Provider, ServerList } from '../../discovery/provider.ts'
import { landscapesOf, providerFor } from '../../discovery/providers.ts'
import { now } from '../../runtime/clock.ts'
import type { ListeningPlace } from '../../runtime/snapshot.ts'
import type { DesiredState } from '../desired/desired-state.ts'
import { entriesOf, type Found, type FoundLandscape, knownAs, type Refused } from '../desired/found.ts'
import type { Said } from '../upgrade/inheritance.ts'
import { Absences, LandscapeAbsences } from './absences.ts'
import { LandscapeReader } from './found-landscape.ts'
import { FoundServers, type OwnPlaces } from './found-servers.ts'
import { Gathering } from './gathering.ts'
import type { SourceReports } from './source-reports.ts'
import { FIRST_ANSWER_WITHIN, type Reader, WatchedSource } from './watched-source.ts'

/** Puts what was found into effect; rejects where that is not possible. */
type Apply = (found: Found, by: string) => Promise<unknown>

interface Watched<Raw extends ServerList | Landscape, Result> {
  /** What of the configuration it follows: another one is another source. */
  readonly settings: unknown
  readonly source: WatchedSource<Raw, Result>
}

/** Follows the sources of a configuration, and has what they find put into effect. */
export class Discovery {
  readonly #reports: SourceReports
  #before: Said
  readonly #lists = new Map<string, Watched<ServerList, readonly Server[]>>()
  readonly #landscapes = new Map<string, Watched<Landscape, FoundLandscape>>()
  readonly #gathering = new Gathering(() => this.#putIntoEffect())
  readonly #startedAt = now()
  /** Sources that have changed since the last time that all was put into effect. */
  readonly #news = new Set<string>()
  /** Absent until something can be put into effect. */
  #apply: Apply | undefined
  /** Where Limpet listens: as the configuration says it, and once it does, with real ports in place of 0. */
  #listeners: readonly ListeningPlace[] = []
  #realListeners: OwnPlaces | undefined
  #isClosed = false

  /** @param before what the process had found that this one replaces */
  constructor(reports: SourceReports, before: Said = {}) {
    this.#reports = reports
    this.#before = before
  }

  /** Follows the sources of that configuration, and no others. */
  watch(file: Config): void {
    if (this.#isClosed) return
    this.#listenOn(this.#realListeners?.() ?? file.listeners)
    const wanted = new Set<string>()
    const before = new Set([...this.#lists.keys(), ...Object.keys(this.#before)])
    for (const upstream of file.upstreams) {
      const entries = entriesOf(upstream)
      if (entries.length === 0) continue
      const known = knownAs(upstream, entries, before)
      for (const [index, { key, source }] of entries.entries()) {
        wanted.add(key)
        // Its key says all of its settings.
        this.#keep(this.#lists, key, known[index], undefined, (before) =>
          this.#followList(upstream.name, source, before),
        )
      }
    }
    for (const from of ['docker', 'swarm'] as const) {
      const labels = file.discovery?.[from]
      if (labels === undefined) continue
      wanted.add(from)
      const around = { labels, instance: instanceOf(file) }
      this.#keep(this.#landscapes, from, from, around, (before) => this.#followLandscape(from, file, before))
    }
    this.#drop(this.#lists, wanted)
    this.#drop(this.#landscapes, wanted)
    // An entry that comes later begins with nothing.
    this.#before = {}
  }

  /** What all sources have found by now. */
  get found(): Found {
    return {
      servers: new Map([...this.#lists].flatMap(([key, { source }]) => (source.result ? [[key, source.result]] : []))),
      landscapes: [...this.#landscapes.values()].flatMap(({ source }) => source.result ?? []),
    }
  }

  /** Resolves once each source has answered or failed, or has had its time. */
  async firstAnswers(): Promise<void> {
    await Promise.all(this.#all.map(({ settled }) => settled))
  }

  /** The name of a source that has not answered yet; undefined if all have, or have had their time. */
  get waitsFor(): string | undefined {
    if (now() - this.#startedAt >= FIRST_ANSWER_WITHIN) return undefined
    return this.#all.find(({ hasAnswered }) => !hasAnswered)?.report.place.name
  }

  /**
   * From now on, what is found is put into effect.
   *
   * @param listeners where Limpet listens, with real ports
   */
  begin(apply: Apply, listeners: OwnPlaces): void {
    this.#apply = apply
    this.#realListeners = listeners
    this.#listenOn(listeners())
    this.#gathering.add(true)
  }

  /** What a process is told that replaces this one. */
  get inheritance(): Said {
    const said = [...this.#lists, ...this.#landscapes].flatMap(([key, { source }]) =>
      source.last === undefined ? [] : [[key, source.last] as const],
    )
    return Object.fromEntries(said)
  }

  adopted({ file, refused }: DesiredState): void {
    this.watch(file)
    this.refused(refused)
  }

  /** What was found and has no effect is said by its source. */
  refused(refused: readonly Refused[]): void {
    for (const [key, { source }] of [...this.#lists, ...this.#landscapes]) {
      source.refuse(refused.filter((each) => each.source === key))
    }
  }

  /** A source may name one of these places, now or since it has answered. */
  #listenOn(listeners: readonly ListeningPlace[]): void {
    if (isDeepStrictEqual(listeners, this.#listeners)) return
    this.#listeners = listeners
    for (const source of this.#all) source.readAgain()
  }

  close(): void {
    this.#isClosed = true
    this.#gathering.close()
    for (const source of this.#all) source.close()
  }

  get #all(): (WatchedSource<ServerList, readonly Server[]> | WatchedSource<Landscape, FoundLandscape>)[] {
    return [...this.#lists.values(), ...this.#landscapes.values()].map(({ source }) => source)
  }

  #keep<Raw extends ServerList | Landscape, Result>(
    watched: Map<string, Watched<Raw, Result>>,
    key: string,
    known: string | undefined,
    settings: unknown,
    open: (before: Raw | undefined) => WatchedSource<Raw, Result>,
  ): void {
    const former = watched.get(key)
    if (former !== undefined && isDeepStrictEqual(former.settings, settings)) return
    former?.source.close()
    if (former !== undefined) this.#reports.remove(former.source.report)
    const before =
      known === undefined ? undefined : (watched.get(known)?.source.last ?? (this.#before[known] as Raw | undefined))
    watched.set(key, { settings, source: open(before) })
  }

  #drop<Raw extends ServerList | Landscape, Result>(
    watched: Map<string, Watched<Raw, Result>>,
    wanted: ReadonlySet<string>,
  ): void {
    for (const [key, { source }] of watched) {
      if (wanted.has(key)) continue
      source.close()
      this.#reports.remove(source.report)
      watched.delete(key)
    }
  }

  #followList(
    upstream: string,
    source: Source,
    before: ServerList | undefined,
  ): WatchedSource<ServerList, readonly Server[]> {
    const patience = returnsWithin(source)
    const absences = new Absences(patience, now)
    const servers = new FoundServers(
      source.from,
      `upstream ${upstream}: server`,
      serverDefaults(source),
      patience > 0,
      () => this.#listeners,
    )
    const reader: Reader<ServerList, readonly Server[]> = {
      fill: (list) => ({ ...list, servers: absences.fill(list.servers) }),
      get nextEnd() {
        return absences.nextEnd
      },
      read(list) {
        const { servers: made, mistakes } = servers.read(list.servers)
        return { result: made, servers: made.length, mistakes: [...list.mistakes, ...absences.mistakes, ...mistakes] }
      },
    }
    const name = `${source.from} of upstream ${upstream}`
    return this.#follow(upstream, source.from, name, () => providerFor(source, upstream), reader, before)
  }

  #followLandscape(
    from: 'docker' | 'swarm',
    file: Config,
    before: Landscape | undefined,
  ): WatchedSource<Landscape, FoundLandscape> {
    const labels = file.discovery![from]!
    const patience = returnsWithin({ from, ...labels })
    const absences = new LandscapeAbsences(patience, now)
    const defaults = serverDefaults({ from, ...labels } as Source)
    const landscape = new LandscapeReader(from, file, (upstream) => {
      return new FoundServers(from, `upstream ${upstream}: server`, defaults, patience > 0, () => this.#listeners)
    })
    const reader: Reader<Landscape, FoundLandscape> = {
      fill: (said) => absences.fill(said),
      get nextEnd() {
        return absences.nextEnd
      },
      read(said) {
        const { landscape: result, mistakes } = landscape.read(said)
        const servers = result.upstreams.reduce((sum, { upstream }) => sum + upstream.servers.length, 0)
        return { result, servers, mistakes: [...said.mistakes, ...absences.mistakes, ...mistakes] }
      },
    }
    const open = async () => (await landscapesOf({ [from]: labels }))[0]!
    return this.#follow(null, from, `labels of ${from}`, open, reader, before)
  }

  #follow<Raw extends ServerList | Landscape, Result>(
    upstream: string | null,
    source: string,
    name: string,
    open: () => Promise<Provider<Raw>>,
    reader: Reader<Raw, Result>,
    before: Raw | undefined,
  ): WatchedSource<Raw, Result> {
    const report = this.#reports.add({ upstream, source, name })
    const opened = async () => {
      const provider = await open()
      report.rename(provider.name)
      return provider
    }
    const changed = (isUrgent: boolean) => {
      this.#news.add(report.place.name)
      this.#gathering.add(isUrgent)
    }
    return new WatchedSource(opened, reader, before, report, changed, now)
  }

  async #putIntoEffect(): Promise<void> {
    if (this.#apply === undefined) return
    const by = [...this.#news].join(', ')
    this.#news.clear()
    try {
      await this.#apply(this.found, by)
    } catch (error) {
      if (!this.#isClosed) this.#reports.notApplied(by, (error as Error).message)
    }
  }
}
