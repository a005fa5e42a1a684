;; Scores rows of signed bytes against one query. Built by `npm run kernel`; see kernel.ts.
(module
  (import "limner" "memory" (memory 1 65536 shared))

  ;; query:  `width` bytes from 1 to 127: the query's values plus 64; width is a multiple of 32
  ;; rows:   `count` rows of `width` int8; count is even
  ;; scales: `count` float32; sums: `count` int32, 64 times the sum of the row, which the 64 added too much
  ;; mask:   `count` bytes, 0 = leave out
  ;; scores: `count` float32, written: dot(query, row) * scale * queryScale, or -infinity where masked out
  ;;
  ;; Two rows are read at a time, one of each half: two streams bring more bytes a second than one. The dot product
  ;; is a relaxed instruction, whose result is defined since no sum of two products leaves 16 bits (127 * 127 * 2).
  (func $sum (param $lanes v128) (result i32)
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $lanes)) (i32x4.extract_lane 1 (local.get $lanes)))
      (i32.add (i32x4.extract_lane 2 (local.get $lanes)) (i32x4.extract_lane 3 (local.get $lanes)))))

  (func $put (param $scores i32) (param $mask i32) (param $scales i32) (param $sums i32) (param $lanes v128)
    (param $queryScale f32)
    (f32.store (local.get $scores)
      (select
        (f32.mul (local.get $queryScale)
          (f32.mul (f32.load (local.get $scales))
            (f32.convert_i32_s (i32.sub (call $sum (local.get $lanes)) (i32.load (local.get $sums))))))
        (f32.const -inf)
        (i32.load8_u (local.get $mask)))))

  (func (export "scan")
    (param $query i32) (param $rows i32) (param $scales i32) (param $sums i32) (param $mask i32)
    (param $scores i32) (param $count i32) (param $width i32) (param $queryScale f32)
    (local $other i32) (local $half i32) (local $words i32) (local $end i32) (local $q i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128) (local $left v128) (local $right v128)
    (local.set $half (i32.shr_u (local.get $count) (i32.const 1)))
    (local.set $words (i32.shl (local.get $half) (i32.const 2)))
    (local.set $other (i32.add (local.get $rows) (i32.mul (local.get $half) (local.get $width))))
    (local.set $count (local.get $half))
    (block $done
      (loop $pair
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $end (i32.add (local.get $rows) (local.get $width)))
        (local.set $a (v128.const i32x4 0 0 0 0))
        (local.set $b (v128.const i32x4 0 0 0 0))
        (local.set $c (v128.const i32x4 0 0 0 0))
        (local.set $d (v128.const i32x4 0 0 0 0))
        (if (i32.or (i32.load8_u (local.get $mask))
            (i32.load8_u (i32.add (local.get $mask) (local.get $half))))
          (then
            (local.set $q (local.get $query))
            (loop $step
              (local.set $left (v128.load (local.get $q)))
              (local.set $right (v128.load offset=16 (local.get $q)))
              (local.set $a (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (v128.load (local.get $rows)) (local.get $left) (local.get $a)))
              (local.set $b (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (v128.load offset=16 (local.get $rows)) (local.get $right) (local.get $b)))
              (local.set $c (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (v128.load (local.get $other)) (local.get $left) (local.get $c)))
              (local.set $d (i32x4.relaxed_dot_i8x16_i7x16_add_s
                (v128.load offset=16 (local.get $other)) (local.get $right) (local.get $d)))
              (local.set $q (i32.add (local.get $q) (i32.const 32)))
              (local.set $other (i32.add (local.get $other) (i32.const 32)))
              (br_if $step (i32.lt_u
                (local.tee $rows (i32.add (local.get $rows) (i32.const 32))) (local.get $end)))))
          (else
            (local.set $other (i32.add (local.get $other) (local.get $width)))
            (local.set $rows (local.get $end))))
        (call $put (local.get $scores) (local.get $mask) (local.get $scales) (local.get $sums)
          (i32x4.add (local.get $a) (local.get $b)) (local.get $queryScale))
        (call $put (i32.add (local.get $scores) (local.get $words))
          (i32.add (local.get $mask) (local.get $half)) (i32.add (local.get $scales) (local.get $words))
          (i32.add (local.get $sums) (local.get $words))
          (i32x4.add (local.get $c) (local.get $d)) (local.get $queryScale))
        (local.set $scales (i32.add (local.get $scales) (i32.const 4)))
        (local.set $sums (i32.add (local.get $sums) (i32.const 4)))
        (local.set $scores (i32.add (local.get $scores) (i32.const 4)))
        (local.set $mask (i32.add (local.get $mask) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $pair)))))
