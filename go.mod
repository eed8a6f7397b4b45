module github.com/vendord/vendord

go 1.26.0
