import { testAsNginx } from '../nginx/differential.ts'

testAsNginx(2000)
