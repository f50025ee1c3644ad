import { ConcurrencyTable } from './keyed-limits/concurrency-table.ts'
import { regionsOf } from './keyed-limits/layout.ts'
import { type Pace, RateTable } from './keyed-limits/rate-table.ts'
import { KeyedLimits } from './keyed-limits.ts'

/** Keyed limits in which nothing changes, whatever they are told: for asking whether requests would be let through. */
export class ReadOnlyLimits extends KeyedLimits {
  override readonly rates: RateTable
  override readonly concurrency: ConcurrencyTable

  /** @param limits those that are read */
  constructor({ memory }: KeyedLimits) {
    super(memory)
    const regions = regionsOf(memory)
    this.rates = new ReadOnlyRates(regions)
    this.concurrency = new ReadOnlyConcurrency(regions, 0)
  }

  override countDryRun(): void {}
}

class ReadOnlyRates extends RateTable {
  override take(high: number, low: number, pace: Pace, now: number): boolean {
    return this.look(high, low, pace, now)
  }
}

class ReadOnlyConcurrency extends ConcurrencyTable {
  override enter(high: number, low: number, limit: number): 'full' | 'uncounted' {
    return this.inFlightOf(high, low) < limit ? 'uncounted' : 'full'
  }

  override leave(): void {}
}
