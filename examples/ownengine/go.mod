module example.com/ownengine

go 1.26.0

require trial v0.0.0

require golang.org/x/sys v0.48.0 // indirect

replace trial => ../..
