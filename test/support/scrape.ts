import assert from 'node:assert/strict'

/** One sample of a metric. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** What `/metrics` has answered. */
export class Scrape {
  readonly text: string
  readonly samples: readonly Sample[]
  /** By the name of the metric. */
  readonly types: ReadonlyMap<string, string>

  constructor(text: string) {
    this.text = text
    const lines = text.split('\n').filter((line) => line !== '')
    this.samples = lines.filter((line) => !line.startsWith('#')).map(parsed)
    this.types = new Map(
      lines.flatMap((line): [string, string][] => {
        const [, name, type] = /^# TYPE (\S+) (\w+)$/.exec(line) ?? []
        return name === undefined ? [] : [[name, type!]]
      }),
    )
  }

  /** @param url of the listener, without a path */
  static async of(url: string): Promise<Scrape> {
    const response = await fetch(`${url}/metrics`)
    assert.equal(response.status, 200)
    return new Scrape(await response.text())
  }

  /** The samples of that name which have these labels, perhaps among others. */
  all(name: string, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
    const wanted = Object.entries(labels)
    return this.samples.filter(
      (each) => each.name === name && wanted.every(([key, value]) => each.labels[key] === value),
    )
  }

  /** Their sum. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.all(name, labels).reduce((sum, { value }) => sum + value, 0)
  }

  /** By series, as text, the counters and the cells of histograms, none of which ever goes back. */
  get counters(): ReadonlyMap<string, number> {
    const isCounter = ({ name }: Sample) => /_total$|_bucket$|_count$|_sum$/.test(name)
    return new Map(
      this.samples.filter(isCounter).map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]),
    )
  }

  /** The counters that are lower than before. */
  lowerThan(before: Scrape): string[] {
    const now = this.counters
    return Array.from(before.counters).flatMap(([series, value]) => {
      const present = now.get(series)
      return present !== undefined && present < value ? [`${series}: ${value} → ${present}`] : []
    })
  }
}

function parsed(line: string): Sample {
  const [, name, written = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? []
  assert.ok(name !== undefined, `no sample: ${line}`)
  const labels = written.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)/gs)
  const entries = Array.from(labels, ([, key, text]) => [key, text!.replace(/\\(.)/g, unescaped)])
  return { name, labels: Object.fromEntries(entries), value: Number(value) }
}

function unescaped(_: string, character: string): string {
  return character === 'n' ? '\n' : character
}
