import { News } from '../news.ts'
import { Engine, type EngineEvent, type EngineSettings, type EventFilters } from './engine.ts'

/** What is watched of an engine: it receives events, inspects, and reports to its news when it sees something new. */
export interface EngineView<Sighting> {
  /** The events that matter. Others are not sent. */
  readonly events: EventFilters
  /** How far back events are asked for, in ms. */
  readonly lookBack: number
  happened(events: readonly EngineEvent[]): void
  /** Looks for the first time. */
  begin(): Promise<void>
  /** All that is seen now. What was urgent is not urgent the next time. */
  take(): Sighting
}

/** What a view works with, until the signal is aborted. */
export interface EngineWatch {
  readonly engine: Engine
  readonly news: News
  readonly signal: AbortSignal
}

/**
 * What is seen of an engine, and again after each change. Events are subscribed to before the first look, so none is missed.
 *
 * @throws Error where the engine cannot be reached, or is lost, and the signal's reason once that is aborted
 */
export async function* watchEngine<Sighting>(
  settings: EngineSettings,
  signal: AbortSignal,
  open: (watch: EngineWatch) => EngineView<Sighting>,
): AsyncGenerator<Sighting, void> {
  const engine = new Engine(settings)
  const ends = new AbortController()
  const either = AbortSignal.any([signal, ends.signal])
  const news = new News(either)
  const view = open({ engine, news, signal: either })
  try {
    const now = await engine.greet(either)
    news.failWith(follow(engine, now, view, either))
    await view.begin()
    for (;;) {
      await news.next()
      yield view.take()
    }
  } finally {
    ends.abort(new Error('no longer watched'))
    engine.close()
  }
}

async function follow(engine: Engine, now: number, view: EngineView<unknown>, signal: AbortSignal): Promise<void> {
  for await (const events of engine.events(now - view.lookBack, view.events, signal)) view.happened(events)
  throw new Error('the Docker engine has closed its stream of events')
}
