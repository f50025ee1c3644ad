/** Prints the table of docs/draining.md: how good a drain's prediction is. `node --random-seed=1 scripts/simulate-drains.ts [DRAINS]` */
import { accuracyOf, DrainedServer, VISITS } from '../test/control/drained-server.ts'

const drains = Number(process.argv[2] ?? 100)
const idle = 1800

for (const meanVisit of [300, 600, 1800]) {
  for (const present of [50, 500]) {
    const row = VISITS.map((visits) => {
      const simulated = Array.from(
        { length: drains },
        () => new DrainedServer({ visits, meanVisit, present, gap: 20 + Math.random() * 160, idle }),
      )
      return `${Math.round(accuracyOf(simulated).within20 * 100)} %`
    })
    console.log(`| ${meanVisit / 60} min | ${present} | ${row.join(' | ')} |`)
  }
}
