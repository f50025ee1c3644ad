import { testAsNginx } from './differential.ts'

// test/long/nginx-differential.long.ts sends more.
testAsNginx(500)
