import { amountText } from '../../components/amount.tsx'
import type { ServerRow } from './server-row.ts'

/** How much of its field the greatest share takes, in percent. */
const FULL = 88

/** The share of the traffic as a bar, and a mark where the weights ask for it. The greatest share nearly fills it. */
export function ShareBar({ share, asked, greatest }: Pick<ServerRow, 'share' | 'asked' | 'greatest'>) {
  const words = `${amountText(share, 'percent')} of the requests of the last half minute; the weights ask for ${amountText(asked, 'percent')}`
  const widthOf = (part: number) => `${greatest === 0 ? 0 : (part / greatest) * FULL}%`
  return (
    <span class="share" title={words}>
      <span class="bar" aria-hidden="true">
        <i class="part" style={{ width: widthOf(share ?? 0) }} />
        {asked > 0 && <i class="mark" style={{ left: widthOf(asked) }} />}
      </span>
      <span class="value" aria-hidden="true">
        {share === null ? '–' : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)}%`}
      </span>
      <span class="visually-hidden">{words}</span>
    </span>
  )
}
